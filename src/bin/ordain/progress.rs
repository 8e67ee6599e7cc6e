//! Progress on standard error, on a terminal only.
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar towards `total`, or a count with a rate where no total is known. Shows nothing off a terminal.
pub fn bar(total: Option<u64>, unit: &'static str) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::no_length(),
    };
    if std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = if total.is_some() {
        "{bar:32} {human_pos}/{human_len} {msg}  {rate}  {eta} left"
    } else {
        "{spinner} {human_pos} {msg}  {rate}  {elapsed}"
    };
    let style = ProgressStyle::with_template(template).expect("the template is constant and valid");
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // A bar that cannot be drawn is no reason to fail.
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    bar.set_style(style.with_key("rate", rate));
    bar.set_message(unit);
    bar.enable_steady_tick(Duration::from_millis(125));
    bar
}
