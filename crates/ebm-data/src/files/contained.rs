//! Calls of third-party decoders, with panics turned into errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is within [`contained`], where panics are not printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// The value of `work`, or the message of its panic, which is not printed.
///
/// The first call wraps the process's panic hook in one that ignores these panics. If panics abort the process, they
/// still do.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    // Unwind safe: on a panic, nothing that `work` has touched is returned.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    outcome.map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_later_panics_are_printed() {
        assert_eq!(contained(|| -> u8 { panic!("a byte") }), Err("a byte".into()));
        assert_eq!(contained(|| -> u8 { panic!("byte {}", 7) }), Err("byte 7".into()));
        assert_eq!(contained(|| panic::panic_any(3)), Err::<(), _>("no message".into()));
        assert_eq!(contained(|| contained(|| 5)), Ok(Ok(5)));
        assert!(!QUIET.get(), "a later panic on this thread is printed");
    }
}
