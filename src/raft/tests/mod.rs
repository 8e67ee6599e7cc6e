mod effects;
mod mistakes;
mod mistakes_searched;
mod random;
mod search;
mod transcripts;
mod turns;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does something that may panic, and says nothing of it (a trace of the stack takes long): `Err` has what it would have
/// said.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.with(Cell::get) {
                loud(panic);
            }
        }));
    });
    QUIET.with(|quiet| quiet.set(true));
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.with(|quiet| quiet.set(false));
    result.map_err(|panic| {
        let told = panic.downcast_ref::<String>().cloned();
        told.or_else(|| panic.downcast_ref::<&str>().map(|&told| told.to_owned())).unwrap_or_default()
    })
}
