//! The header in which a provider expects its key.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials::secret::Secret;

/// The header that a stored key is sent in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyHeader {
    /// `authorization: Bearer {key}`
    Bearer,
    /// The key alone.
    Plain(HeaderName),
}

impl KeyHeader {
    /// `None` for a malformed name, and for headers that are not forwarded.
    pub(super) fn parse(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self::Bearer) };
        let name = HeaderName::try_from(name).ok()?;
        if name == AUTHORIZATION {
            return Some(Self::Bearer);
        }
        crate::provider::headers::may_hold_a_key(name.as_str()).then_some(Self::Plain(name))
    }

    pub(crate) fn name(&self) -> &HeaderName {
        match self {
            Self::Bearer => &AUTHORIZATION,
            Self::Plain(name) => name,
        }
    }

    /// The value for a key.
    pub(crate) fn value<'k>(&self, key: &'k Secret) -> &'k HeaderValue {
        match self {
            Self::Bearer => key.bearer(),
            Self::Plain(_) => key.plain(),
        }
    }

    /// Sets the key in the headers of a request.
    pub(crate) fn insert(&self, headers: &mut HeaderMap, key: &Secret) {
        headers.insert(self.name().clone(), self.value(key).clone());
    }
}
