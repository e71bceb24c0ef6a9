//! Which keys the reader asks for, written down while a test reads a file.

use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static ASKED: RefCell<Option<BTreeSet<String>>> = const { RefCell::new(None) };
}

/// Called for each key that is looked for in a section, be it there or not.
pub(in super::super) fn note(section: &str, name: &str) {
    ASKED.with_borrow_mut(|asked| {
        if let Some(asked) = asked {
            asked.insert(if section.is_empty() {
                name.into()
            } else {
                format!("{section}.{name}")
            });
        }
    });
}

/// The keys that `read` looks for on this thread, such as `gateways.team.account`.
#[cfg(all(
    feature = "client",
    feature = "control",
    feature = "jwt",
    any(feature = "tls-aws-lc-rs", feature = "tls-ring")
))]
pub(super) fn during<T>(read: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
    ASKED.set(Some(BTreeSet::new()));
    let result = read();
    (result, ASKED.take().unwrap_or_default())
}
