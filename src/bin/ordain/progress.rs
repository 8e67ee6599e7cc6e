//! Progress on standard error: a bar on a terminal, and lines where somebody reads it later.
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

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

/// How often a line is written.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Lines in the place of a bar, off a terminal.
#[derive(Default)]
pub struct Lines {
    told: Option<(Instant, String)>,
}

impl Lines {
    /// Writes the line if it says something new, and the last one is old enough.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if std::io::stderr().is_terminal() {
            return;
        }
        if let Some(line) = self.due(Instant::now(), line) {
            eprintln!("ordain: {line}");
        }
    }

    fn due(&mut self, now: Instant, line: impl FnOnce() -> String) -> Option<String> {
        if self.told.as_ref().is_some_and(|(at, _)| now.duration_since(*at) < LINE_EVERY) {
            return None;
        }
        let line = line();
        if self.told.as_ref().is_some_and(|(_, told)| *told == line) {
            return None;
        }
        self.told = Some((now, line.clone()));
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_a_second_and_only_for_news() {
        let (mut lines, began) = (Lines::default(), Instant::now());
        let mut due = |ms, left: usize| {
            lines.due(began + Duration::from_millis(ms), || format!("{left} left")).is_some()
        };
        assert_eq!(
            [due(0, 9), due(500, 8), due(1_000, 8), due(2_100, 8), due(2_200, 7)],
            [true, false, true, false, true]
        );
    }
}
