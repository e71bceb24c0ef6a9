//! The values of a request, and whether a condition holds for them.

use std::borrow::Cow;

use http::HeaderMap;

use crate::directives::metadata::{Metadata, MetadataValue};
use crate::json::flat::Scalar;
use crate::json::scalars::BodyScalars;
use crate::settings::route::condition::{Condition, Test};
use crate::settings::route::field::{Field, Source};
use crate::util::identity::Identity;

/// What a route decides by.
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
    /// Untyped text, parsed as the type that it is compared with.
    Header(&'a str),
    /// The identity has at least one group.
    Groups(&'a Identity),
    /// Present, but equal to nothing.
    Unusable,
}

impl Facts<'_> {
    /// The single value of a field as text. `1` and `"1"` give the same.
    pub(super) fn text(&self, field: &Field) -> Option<Cow<'_, str>> {
        match self.get(field)? {
            Value::Text(text) | Value::Header(text) => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::Bool(flag) => Some(flag.to_string().into()),
            Value::Groups(_) | Value::Unusable => None,
        }
    }

    fn get(&self, field: &Field) -> Option<Value<'_>> {
        match &field.0 {
            Source::Subject => self.identity.map(|own| Value::Text(own.subject())),
            Source::Label(name) => self.identity?.label(name).map(Value::Text),
            Source::Group => {
                let identity = self.identity.filter(|own| own.groups().len() > 0);
                identity.map(Value::Groups)
            }
            Source::Metadata(key) => self.metadata.get(key).map(|value| match value {
                MetadataValue::String(text) => Value::Text(text),
                MetadataValue::Number(number) => Value::Number(*number),
                MetadataValue::Bool(flag) => Value::Bool(*flag),
            }),
            Source::Header(name) => {
                // A route must not read a value that is marked as a secret.
                let value = self.headers.get(name).filter(|value| !value.is_sensitive())?;
                Some(str::from_utf8(value.as_bytes()).map_or(Value::Unusable, Value::Header))
            }
            Source::Body(field) => self.body.get(*field).map(|value| match value {
                Scalar::String(text) => Value::Text(text),
                Scalar::Number(number) => Value::Number(*number),
                Scalar::Bool(flag) => Value::Bool(*flag),
                Scalar::Unusable => Value::Unusable,
            }),
            Source::Unknown(_) => None,
        }
    }
}

impl Value<'_> {
    fn is(self, value: &MetadataValue) -> bool {
        match value {
            MetadataValue::String(text) => match self {
                Self::Groups(identity) => identity.is_in(text),
                Self::Text(own) | Self::Header(own) => own == text,
                _ => false,
            },
            MetadataValue::Number(number) => self.number() == Some(*number),
            MetadataValue::Bool(flag) => match self {
                Self::Bool(own) => own == *flag,
                Self::Header(text) => text == if *flag { "true" } else { "false" },
                _ => false,
            },
        }
    }

    fn starts_with(self, prefix: &str) -> bool {
        match self {
            Self::Groups(identity) => identity.groups().any(|group| group.starts_with(prefix)),
            Self::Text(text) | Self::Header(text) => text.starts_with(prefix),
            _ => false,
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
        let holds = |condition: &Self| condition.holds(facts);
        self.all.iter().flatten().all(holds)
            && self.any.as_ref().is_none_or(|any| any.iter().any(holds))
            && !self.not.as_deref().is_some_and(holds)
            && self.fields.iter().all(|(field, test)| test.holds(facts.get(field)))
    }
}

impl Test {
    fn holds(&self, value: Option<Value<'_>>) -> bool {
        let is = |other: &MetadataValue| value.is_some_and(|value| value.is(other));
        let is_number = |test: fn(&f64, &f64) -> bool, bound: Option<f64>| {
            let number = || value.and_then(Value::number);
            bound.is_none_or(|bound| number().is_some_and(|number| test(&number, &bound)))
        };
        let begins = |prefix: &String| value.is_some_and(|value| value.starts_with(prefix));
        self.eq.as_ref().is_none_or(is)
            && !self.ne.as_ref().is_some_and(is)
            && self.one_of.as_ref().is_none_or(|others| others.iter().any(is))
            && self.exists.is_none_or(|exists| exists == value.is_some())
            && is_number(f64::lt, self.lt)
            && is_number(f64::le, self.lte)
            && is_number(f64::gt, self.gt)
            && is_number(f64::ge, self.gte)
            && self.starts_with.as_ref().is_none_or(begins)
    }
}

#[cfg(test)]
mod tests;
