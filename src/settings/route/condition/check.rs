//! Which conditions are refused when a route is built.

use std::fmt;

use super::super::error::RouteErrorKind;
use super::{Condition, Operator, Subject, Test};
use crate::credentials;
use crate::directives::metadata::MetadataValue;
use crate::json::scalars::BodyField;
use crate::util::identity;

/// How deep conditions may stand in one another.
const DEEPEST: usize = 16;

impl Condition {
    pub(in super::super) fn check(&self) -> Result<(), RouteErrorKind> {
        self.check_below(0)
    }

    fn check_below(&self, depth: usize) -> Result<(), RouteErrorKind> {
        let refuse = |reason| Err(RouteErrorKind::Condition { field: "".into(), reason });
        if depth == DEEPEST {
            return refuse("it is nested too deep");
        }
        match &self.0 {
            Test::All(conditions) | Test::Any(conditions) if conditions.is_empty() => {
                refuse("it is empty")
            }
            Test::All(conditions) | Test::Any(conditions) => {
                conditions.iter().try_for_each(|condition| condition.check_below(depth + 1))
            }
            Test::Not(condition) => condition.check_below(depth + 1),
            Test::Field(subject, operators) => {
                let reason = subject.mistake().or_else(|| match &operators[..] {
                    [] => Some("it tests nothing"),
                    operators => operators.iter().find_map(|operator| operator.mistake(subject)),
                });
                let Some(reason) = reason else { return Ok(()) };
                Err(RouteErrorKind::Condition { field: subject.to_string().into(), reason })
            }
        }
    }
}

impl Subject {
    pub(in super::super) fn mistake(&self) -> Option<&'static str> {
        match self {
            Self::Metadata(key) if key.is_empty() => Some("the key is empty"),
            Self::Metadata(key) if key.starts_with("cf.") => {
                Some("keys beginning with `cf.` are reserved and never there")
            }
            Self::CallerLabel(name) if !identity::is_name(name) => {
                Some("a label is named by 1 to 64 of `A-Z a-z 0-9 _`")
            }
            Self::Header(name) if is_withheld(name.as_str()) => {
                Some("headers with credentials, and the gateway's own, cannot be read")
            }
            Self::Unknown(_) => Some(
                "there is no such field: `identity.subject`, `identity.group`, `identity.label.NAME`, \
                 `metadata.KEY`, `headers.NAME` and `body.` with model, stream, max_tokens, user or \
                 service_tier can be read, each written as one key, in quotes",
            ),
            Self::Caller | Self::CallerGroup | Self::CallerLabel(_) => None,
            Self::Metadata(_) | Self::Header(_) | Self::Body(_) => None,
        }
    }
}

/// What carries a secret, or says what the gateway is to do and not who asks.
fn is_withheld(name: &str) -> bool {
    credentials::is_credential(name)
        || name.ends_with("authorization")
        || name.ends_with("api-key")
        || name.starts_with("cookie")
        || ["proxy-", "cf-aig-", "cf_aig_"].iter().any(|prefix| name.starts_with(prefix))
}

impl Operator {
    fn mistake(&self, subject: &Subject) -> Option<&'static str> {
        match self {
            Self::OneOf(values) if values.is_empty() => Some("it compares with nothing"),
            Self::StartsWith(prefix) if prefix.is_empty() => Some("it compares with nothing"),
            Self::Less(number)
            | Self::LessOrEqual(number)
            | Self::Greater(number)
            | Self::GreaterOrEqual(number)
                if !number.is_finite() =>
            {
                Some("it compares with what is no number")
            }
            Self::Equals(value) | Self::NotEquals(value) if is_nan(value) => {
                Some("it compares with what is no number")
            }
            Self::OneOf(values) if values.iter().any(is_nan) => {
                Some("it compares with what is no number")
            }
            _ => match subject {
                Subject::Body(field) if !self.suits(|value| is_of(*field, value)) => {
                    Some("the field is never of the type that it compares with")
                }
                Subject::Caller | Subject::CallerGroup | Subject::CallerLabel(_)
                    if !self.suits(is_text) =>
                {
                    Some("an identity has texts alone")
                }
                _ => None,
            },
        }
    }

    /// Whether a field can ever be what this compares with; `takes`: the values that it has.
    fn suits(&self, takes: impl Fn(&MetadataValue) -> bool) -> bool {
        match self {
            Self::Equals(value) | Self::NotEquals(value) => takes(value),
            Self::OneOf(values) => values.iter().all(&takes),
            Self::Exists(_) => true,
            Self::Less(_) | Self::LessOrEqual(_) | Self::Greater(_) | Self::GreaterOrEqual(_) => {
                takes(&MetadataValue::Number(0.0))
            }
            Self::StartsWith(_) => takes(&MetadataValue::String(String::new())),
        }
    }
}

fn is_of(field: BodyField, value: &MetadataValue) -> bool {
    match field {
        BodyField::Model | BodyField::User | BodyField::ServiceTier => is_text(value),
        BodyField::Stream => matches!(value, MetadataValue::Bool(_)),
        BodyField::MaxTokens => matches!(value, MetadataValue::Number(_)),
    }
}

fn is_text(value: &MetadataValue) -> bool {
    matches!(value, MetadataValue::String(_))
}

fn is_nan(value: &MetadataValue) -> bool {
    matches!(value, MetadataValue::Number(number) if !number.is_finite())
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("identity.subject"),
            Self::CallerGroup => f.write_str("identity.group"),
            Self::CallerLabel(name) => write!(f, "identity.label.{name}"),
            Self::Metadata(key) => write!(f, "metadata.{key}"),
            Self::Header(name) => write!(f, "headers.{name}"),
            Self::Body(field) => write!(f, "body.{}", field.name()),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}
