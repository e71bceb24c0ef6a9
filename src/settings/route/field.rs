//! The fields of a request that routes can use.

use std::fmt;

use http::HeaderName;

use crate::credentials;
use crate::directives::metadata::MetadataValue;
use crate::json::scalars::BodyField;
use crate::util::identity;

/// A field of a request, for a [`Condition`](crate::settings::route::Condition) or to [split
/// requests by](crate::settings::route::Node::split_by). Mistakes are reported when the route is
/// built.
///
/// If the field is absent, every test is false except [`not_equals`](Self::not_equals) and
/// [`exists(false)`](Self::exists). Values of different types are not equal.
///
/// ```
/// use tower_ai_gateway::settings::route::{BodyField, Field};
///
/// let is_staff = Field::identity_group().equals("staff");
/// let is_short = Field::body(BodyField::MaxTokens).less_or_equal(1024);
/// let is_canary = Field::header("x-canary").exists(true);
/// # let _ = (is_staff, is_short, is_canary);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(from = "String"))]
#[must_use = "a field does nothing until it is tested"]
pub struct Field(pub(super) Source);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Subject,
    /// All groups: a test holds if it holds for one of them.
    Group,
    Label(Box<str>),
    Metadata(Box<str>),
    Header(HeaderName),
    Body(BodyField),
    /// A field that does not exist, as written.
    Unknown(Box<str>),
}

impl Field {
    /// The subject of the [`Identity`](crate::Identity) that the host has set on the request.
    pub fn identity_subject() -> Self {
        Self(Source::Subject)
    }

    /// The groups of the identity. A test holds if one group passes it;
    /// [`not_equals`](Self::not_equals) holds if no group equals the value.
    pub fn identity_group() -> Self {
        Self(Source::Group)
    }

    /// A label of the identity: 1 to 64 of `A-Z a-z 0-9 _`.
    pub fn identity_label(name: impl Into<String>) -> Self {
        Self(Source::Label(name.into().into()))
    }

    /// An entry of the request's [`Metadata`](crate::context::Metadata). The client chooses it: use
    /// the identity to decide who may use what.
    pub fn metadata(key: impl Into<String>) -> Self {
        Self(Source::Metadata(key.into().into()))
    }

    /// A header of the request; the first if there are several. Its value is text, which a test for
    /// a number or a boolean parses.
    ///
    /// Headers with credentials and the gateway's own headers cannot be read.
    pub fn header(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let unknown = |_| Source::Unknown(format!("headers.{name}").into());
        Self(HeaderName::from_bytes(name.as_bytes()).map_or_else(unknown, Source::Header))
    }

    /// A member of the request's body. The body is read up to that member, or to its end if it is
    /// missing.
    pub fn body(field: BodyField) -> Self {
        Self(Source::Body(field))
    }

    /// Why the field cannot be read.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        match &self.0 {
            Source::Metadata(key) if key.is_empty() => Some("the key is empty"),
            Source::Metadata(key) if key.starts_with("cf.") => {
                Some("keys that start with `cf.` are reserved and never present")
            }
            Source::Label(name) if !identity::is_name(name) => {
                Some("the name of a label must be 1 to 64 of `A-Z a-z 0-9 _`")
            }
            Source::Header(name) if is_withheld(name.as_str()) => {
                Some("headers with credentials, and the gateway's own, cannot be read")
            }
            Source::Unknown(_) => Some(
                "there is no such field: `identity.subject`, `identity.group`, `identity.label.NAME`, \
                 `metadata.KEY`, `headers.NAME` and `body.` with model, stream, user, \
                 service_tier, max_tokens, max_completion_tokens or max_output_tokens can be read, each written as one key, in quotes",
            ),
            _ => None,
        }
    }

    /// Returns true if a split can use it: it has one value per request, known before the body is
    /// read.
    pub(super) fn is_split_key(&self) -> bool {
        matches!(self.0, Source::Subject | Source::Label(_) | Source::Metadata(_))
            && self.mistake().is_none()
    }

    /// Why the field can never equal a value of this type.
    pub(super) fn rejects(&self, value: &MetadataValue) -> Option<&'static str> {
        use BodyField::{MaxTokens, Model, ServiceTier, Stream, User};
        use MetadataValue::{Bool, Number, String};
        match (&self.0, value) {
            (Source::Metadata(_) | Source::Header(_) | Source::Unknown(_), _)
            | (Source::Subject | Source::Group | Source::Label(_), String(_))
            | (Source::Body(Model | User | ServiceTier), String(_))
            | (Source::Body(Stream), Bool(_))
            | (Source::Body(MaxTokens), Number(_)) => None,
            (Source::Body(_), _) => Some("the field never has the type that it is compared with"),
            _ => Some("an identity has only texts"),
        }
    }
}

/// Parses a field as written in settings: `identity.subject`, `identity.label.plan`,
/// `metadata.plan`, `headers.x-tier`, `body.model`.
#[cfg(feature = "config")]
impl From<String> for Field {
    fn from(text: String) -> Self {
        let known = match text.split_once('.') {
            Some(("identity", "subject")) => Some(Self::identity_subject()),
            Some(("identity", "group")) => Some(Self::identity_group()),
            Some(("identity", name)) => name.strip_prefix("label.").map(Self::identity_label),
            Some(("metadata", key)) => Some(Self::metadata(key)),
            Some(("headers", name)) => Some(Self::header(name)),
            Some(("body", name)) => BodyField::named(name).map(Self::body),
            _ => None,
        };
        known.unwrap_or_else(|| Self(Source::Unknown(text.into())))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Subject => f.write_str("identity.subject"),
            Source::Group => f.write_str("identity.group"),
            Source::Label(name) => write!(f, "identity.label.{name}"),
            Source::Metadata(key) => write!(f, "metadata.{key}"),
            Source::Header(name) => write!(f, "headers.{name}"),
            Source::Body(field) => write!(f, "body.{}", field.name()),
            Source::Unknown(text) => f.write_str(text),
        }
    }
}

/// Returns true for headers that carry a secret or control the gateway.
fn is_withheld(name: &str) -> bool {
    credentials::is_credential(name)
        || name.ends_with("authorization")
        || name.ends_with("api-key")
        || name.starts_with("cookie")
        || ["proxy-", "cf-aig-", "cf_aig_"].iter().any(|prefix| name.starts_with(prefix))
}
