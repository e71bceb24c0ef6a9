//! What a request says, and whether a condition holds for it.

use std::borrow::Cow;

use http::HeaderMap;

use super::condition::{Condition, Operator, Subject, Test};
use crate::directives::metadata::{Metadata, MetadataValue};
use crate::json::flat::Scalar;
use crate::json::scalars::BodyScalars;
use crate::util::identity::Identity;

/// What a route goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) metadata: &'a Metadata,
    pub(crate) headers: &'a HeaderMap,
    /// At least the fields that the route [reads](super::DynamicRoute::body_fields).
    pub(crate) body: &'a BodyScalars,
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Bool(bool),
    /// Text for want of types: what it is to be compared with says how it is to be read.
    Header(&'a str),
    /// Of whom at least one.
    Groups(&'a Identity),
    /// There, but like nothing that it could be compared with.
    Unusable,
}

impl Facts<'_> {
    /// The one value of a field as text: the same for `1` and `"1"`.
    pub(super) fn text(&self, subject: &Subject) -> Option<Cow<'_, str>> {
        match self.get(subject)? {
            Value::Text(text) | Value::Header(text) => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::Bool(flag) => Some(flag.to_string().into()),
            Value::Groups(_) | Value::Unusable => None,
        }
    }

    fn get(&self, subject: &Subject) -> Option<Value<'_>> {
        match subject {
            Subject::Caller => self.identity.map(|own| Value::Text(own.subject())),
            Subject::CallerLabel(name) => self.identity?.label(name).map(Value::Text),
            Subject::CallerGroup => {
                let identity = self.identity.filter(|own| own.groups().len() > 0);
                identity.map(Value::Groups)
            }
            Subject::Metadata(key) => self.metadata.get(key).map(|value| match value {
                MetadataValue::String(text) => Value::Text(text),
                MetadataValue::Number(number) => Value::Number(*number),
                MetadataValue::Bool(flag) => Value::Bool(*flag),
            }),
            Subject::Header(name) => {
                // What somebody has marked as a secret is none of a route's business.
                let value = self.headers.get(name).filter(|value| !value.is_sensitive())?;
                Some(str::from_utf8(value.as_bytes()).map_or(Value::Unusable, Value::Header))
            }
            Subject::Body(field) => self.body.get(*field).map(|value| match value {
                Scalar::String(text) => Value::Text(text),
                Scalar::Number(number) => Value::Number(*number),
                Scalar::Bool(flag) => Value::Bool(*flag),
                Scalar::Unusable => Value::Unusable,
            }),
            Subject::Unknown(_) => None,
        }
    }
}

impl Value<'_> {
    fn is(self, value: &MetadataValue) -> bool {
        match value {
            MetadataValue::String(text) => match self {
                Self::Groups(identity) => identity.is_in(text),
                _ => self.text() == Some(text),
            },
            MetadataValue::Number(number) => self.number() == Some(*number),
            MetadataValue::Bool(flag) => match self {
                Self::Bool(own) => own == *flag,
                Self::Header(text) => text == if *flag { "true" } else { "false" },
                _ => false,
            },
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Header(text) => Some(text),
            _ => None,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Header(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }
}

impl Condition {
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        match &self.0 {
            Test::All(conditions) => conditions.iter().all(|condition| condition.holds(facts)),
            Test::Any(conditions) => conditions.iter().any(|condition| condition.holds(facts)),
            Test::Not(condition) => !condition.holds(facts),
            Test::Field(subject, operators) => {
                let value = facts.get(subject);
                operators.iter().all(|operator| operator.holds(value))
            }
        }
    }
}

impl Operator {
    fn holds(&self, value: Option<Value<'_>>) -> bool {
        let Some(value) = value else {
            return matches!(self, Self::NotEquals(_) | Self::Exists(false));
        };
        let is_number = |test: fn(&f64, &f64) -> bool, bound: &f64| {
            value.number().is_some_and(|number| test(&number, bound))
        };
        match self {
            Self::Equals(other) => value.is(other),
            Self::NotEquals(other) => !value.is(other),
            Self::OneOf(others) => others.iter().any(|other| value.is(other)),
            Self::Exists(exists) => *exists,
            Self::Less(bound) => is_number(f64::lt, bound),
            Self::LessOrEqual(bound) => is_number(f64::le, bound),
            Self::Greater(bound) => is_number(f64::gt, bound),
            Self::GreaterOrEqual(bound) => is_number(f64::ge, bound),
            Self::StartsWith(prefix) => match value {
                Value::Groups(identity) => {
                    identity.groups().any(|group| group.starts_with(&**prefix))
                }
                _ => value.text().is_some_and(|text| text.starts_with(&**prefix)),
            },
        }
    }
}

#[cfg(test)]
mod tests;
