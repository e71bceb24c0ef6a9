//! The names of counters: the digest that a store knows, and the text that an operator sees.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::store::Counter;
use crate::settings::limits::{CountBy, LimitRule};
use crate::util::digest::add_parts;
use crate::util::hex;

/// Longer values are shown as a digest.
const LONGEST: usize = 256;

/// The prefix of a digest that is shown.
const DIGEST: &str = "sha256:";

/// How many bytes of a digest are shown.
const SHOWN: usize = 6;

/// Computes a [`Counter`] from the values that a rule counts by, in the order of the rule.
pub(super) struct Naming {
    gateway: [u8; 8],
    rule: [u8; 16],
    /// `None` until a value is added.
    digest: Option<Sha256>,
}

impl Naming {
    pub(super) fn new(scope: u64, rule: &LimitRule) -> Self {
        Self { gateway: scope.to_be_bytes(), rule: rule.digest, digest: None }
    }

    pub(super) fn add(&mut self, by: &CountBy, value: &[u8]) {
        let digest = self.digest.get_or_insert_with(|| Sha256::new_with_prefix(self.rule));
        let (kind, name) = kind(by);
        add_parts(digest, &[kind.as_bytes(), name.as_bytes(), value]);
    }

    pub(super) fn counter(self) -> Counter {
        let Self { gateway, rule, digest } = self;
        let Some(digest) = digest else { return Counter { gateway, id: rule } };
        let digest: [u8; 32] = digest.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Counter { gateway, id }
    }
}

/// The kind of a value, and the name of its label or metadata key: equal values of two kinds count
/// apart.
fn kind(by: &CountBy) -> (&'static str, &str) {
    match by {
        CountBy::Token => ("token", ""),
        CountBy::Subject => ("subject", ""),
        CountBy::Label(name) => ("label", name),
        CountBy::Credential => ("credential", ""),
        CountBy::Provider => ("provider", ""),
        CountBy::Model => ("model", ""),
        CountBy::Metadata(key) => ("metadata", key),
        CountBy::Host(_) => ("host", ""),
    }
}

/// What a rule counts by, as settings files write it.
pub(super) fn by_text(by: &CountBy) -> String {
    match kind(by) {
        (kind, "") => kind.to_owned(),
        (kind, name) => format!("{kind}:{name}"),
    }
}

/// A value as an operator sees it. Tokens, keys and long values are shown as the beginning of a
/// digest.
pub(super) fn shown(by: &CountBy, value: &[u8]) -> Box<str> {
    let is_digest = matches!(by, CountBy::Token | CountBy::Credential);
    match value {
        [] => "".into(),
        _ if is_digest => beginning(value),
        _ if value.len() > LONGEST => beginning(&Sha256::digest(value)),
        _ => String::from_utf8_lossy(value).into(),
    }
}

/// The beginning of a digest.
fn beginning(digest: &[u8]) -> Box<str> {
    format!("{DIGEST}{}", hex::Text(&digest[..digest.len().min(SHOWN)])).into()
}

/// The value that an operator means; `None` if it is only the beginning of a digest.
pub(super) fn value<'t>(by: &CountBy, text: &'t str) -> Option<Cow<'t, [u8]>> {
    match by {
        CountBy::Token | CountBy::Credential if !text.is_empty() => {
            let digits = text.strip_prefix(DIGEST).unwrap_or(text);
            hex::read::<32>(digits).map(|digest| Cow::Owned(digest.to_vec()))
        }
        // Models count in lower case.
        CountBy::Model => Some(Cow::Owned(text.to_lowercase().into_bytes())),
        _ => Some(Cow::Borrowed(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_secrets_the_beginning_of_a_digest_is_shown_and_the_whole_is_understood() {
        let digest = [0xab; 32];
        for by in [CountBy::Token, CountBy::Credential] {
            assert_eq!(&*shown(&by, &digest), "sha256:abababababab");
            assert_eq!(&*shown(&by, b""), "");
            assert_eq!(value(&by, "sha256:abababababab"), None);
            for whole in ["ab".repeat(32), "AB".repeat(32), format!("sha256:{}", "ab".repeat(32))] {
                assert_eq!(value(&by, &whole).as_deref(), Some(&digest[..]), "{whole}");
            }
            assert_eq!(value(&by, &"é".repeat(32)), None);
            assert_eq!(value(&by, "").as_deref(), Some(&b""[..]));
        }
    }

    #[test]
    fn other_values_are_shown_as_they_are_unless_they_are_long() {
        let name = "<b>\u{1b}[31m";
        assert_eq!(&*shown(&CountBy::Subject, name.as_bytes()), name);
        assert_eq!(shown(&CountBy::Subject, &[b'x'; 256]).len(), 256);
        let long = shown(&CountBy::metadata("m"), &[b'x'; 257]);
        assert!(long.starts_with("sha256:") && long.len() == 19, "{long}");
        assert_eq!(value(&CountBy::Model, "Grok/Grok-4").as_deref(), Some(&b"grok/grok-4"[..]));
    }
}
