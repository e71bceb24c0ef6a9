//! What the state of an upstream or of a credential is found by.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

/// An upstream: whose it is (a provider's slug, or the scheme where there is no provider), and the
/// text of its base URL's authority and path.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamKey {
    scope: Box<str>,
    base: Box<str>,
}

impl UpstreamKey {
    pub(crate) fn new(scope: &str, base: &str) -> Self {
        Self { scope: scope.into(), base: base.into() }
    }
}

/// Lets an upstream be found by two borrowed texts.
pub(crate) trait UpstreamParts {
    fn parts(&self) -> (&str, &str);
}

impl UpstreamParts for UpstreamKey {
    fn parts(&self) -> (&str, &str) {
        (&self.scope, &self.base)
    }
}

impl UpstreamParts for (&str, &str) {
    fn parts(&self) -> (&str, &str) {
        *self
    }
}

impl Hash for dyn UpstreamParts + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn UpstreamParts + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn UpstreamParts + '_ {}

impl Hash for UpstreamKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for UpstreamKey {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for UpstreamKey {}

impl<'a> Borrow<dyn UpstreamParts + 'a> for UpstreamKey {
    fn borrow(&self) -> &(dyn UpstreamParts + 'a) {
        self
    }
}

/// A credential at an upstream, which the digest does not tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AccountKey([u8; 32]);

impl AccountKey {
    pub(crate) fn new<'a>(
        upstream: (&str, &str),
        credentials: impl Iterator<Item = Cow<'a, [u8]>>,
    ) -> Self {
        let mut digest = Sha256::new();
        let mut update = |part: &[u8]| {
            // Where one part ends and the next begins is told too.
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        };
        update(upstream.0.as_bytes());
        update(upstream.1.as_bytes());
        credentials.for_each(|credential| update(&credential));
        Self(digest.finalize().into())
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_where_any_part_does() {
        let key = |upstream, parts: &[&'static str]| {
            AccountKey::new(upstream, parts.iter().map(|part| part.as_bytes().into()))
        };
        let keys = [
            key(("https", "a"), &[]),
            key(("http", "a"), &[]),
            key(("https", "a"), &[""]),
            key(("https", "a"), &["xy"]),
            key(("https", "a"), &["x", "y"]),
            key(("https", "ax"), &["y"]),
        ];
        for (i, a) in keys.iter().enumerate() {
            for (j, b) in keys.iter().enumerate() {
                assert_eq!(a == b, i == j, "{i} {j}");
            }
        }
        assert_eq!(format!("{:?}", keys[3]), "AccountKey");
    }
}
