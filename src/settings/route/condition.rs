//! Conditions over what a request says.

mod check;

use http::HeaderName;

use crate::directives::metadata::MetadataValue;
use crate::json::scalars::{BodyField, BodyFields};

/// What a request must be like: a test of one field, or several conditions put together.
///
/// Of a field that is not there every test is false, but [`not_equals`](Field::not_equals) and
/// [`exists(false)`](Field::exists). Values of different types are not equal. A mistake is found
/// when the route is built.
///
/// ```
/// use tower_ai_gateway::settings::route::{BodyField, Condition};
///
/// let condition = Condition::all([
///     Condition::identity_label("plan").one_of(["paid", "trial"]),
///     Condition::not(Condition::header("x-canary").exists(true)),
///     Condition::body(BodyField::MaxTokens).less_or_equal(4096),
/// ]);
/// # let _ = condition;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(pub(super) Test);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// All of them must hold.
    Field(Subject, Vec<Operator>),
}

/// What a test is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Metadata(Box<str>),
    /// The subject of the identity.
    Caller,
    /// Each of them: a test holds if it holds for one.
    CallerGroup,
    CallerLabel(Box<str>),
    Header(HeaderName),
    Body(BodyField),
    /// A field that there is not, as it was written.
    Unknown(Box<str>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operator {
    Equals(MetadataValue),
    NotEquals(MetadataValue),
    OneOf(Vec<MetadataValue>),
    Exists(bool),
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    StartsWith(Box<str>),
}

impl Condition {
    /// The subject of the [`Identity`](crate::Identity) that the host has given the request.
    pub fn identity_subject() -> Field {
        Field(Subject::Caller)
    }

    /// The groups of that identity. A test holds if one of them passes it; what
    /// [`not_equals`](Field::not_equals) names must be none of them.
    pub fn identity_group() -> Field {
        Field(Subject::CallerGroup)
    }

    /// A label of that identity.
    pub fn identity_label(name: impl Into<String>) -> Field {
        Field(Subject::CallerLabel(name.into().into()))
    }

    /// An entry of the request's [`Metadata`](crate::Metadata). The client chooses it: what only
    /// some may use is better told by their identity.
    pub fn metadata(key: impl Into<String>) -> Field {
        Field(Subject::Metadata(key.into().into()))
    }

    /// A header of the request: the first, where there are several of the name. What it says is
    /// text, and where a test is for a number or a boolean, it is read as such.
    ///
    /// Headers that carry credentials, and the gateway's own, cannot be read.
    pub fn header(name: impl AsRef<str>) -> Field {
        Field(Subject::header(name.as_ref()))
    }

    /// A member of the request's body. The body is then read up to there, or to its end where
    /// there is none.
    pub fn body(field: BodyField) -> Field {
        Field(Subject::Body(field))
    }

    /// All of them must hold.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Test::All(conditions.into_iter().collect()))
    }

    /// One of them must hold.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Test::Any(conditions.into_iter().collect()))
    }

    /// It must not hold.
    #[expect(clippy::should_implement_trait, reason = "it stands beside `all` and `any`")]
    pub fn not(condition: Self) -> Self {
        Self(Test::Not(Box::new(condition)))
    }

    /// Which members of the body it reads.
    pub(super) fn body_fields(&self, fields: &mut BodyFields) {
        match &self.0 {
            Test::All(conditions) | Test::Any(conditions) => {
                conditions.iter().for_each(|condition| condition.body_fields(fields));
            }
            Test::Not(condition) => condition.body_fields(fields),
            Test::Field(Subject::Body(field), _) => fields.insert(*field),
            Test::Field(..) => {}
        }
    }
}

impl Subject {
    fn header(name: &str) -> Self {
        HeaderName::from_bytes(name.as_bytes())
            .map_or_else(|_| Self::Unknown(format!("headers.{name}").into()), Self::Header)
    }

    /// As settings write it: `identity.subject`, `identity.label.plan`, `metadata.plan`,
    /// `headers.x-tier`, `body.model`.
    #[cfg(feature = "config")]
    pub(super) fn parse(text: &str) -> Self {
        let unknown = || Self::Unknown(text.into());
        match text.split_once('.') {
            Some(("identity", "subject")) => Self::Caller,
            Some(("identity", "group")) => Self::CallerGroup,
            Some(("identity", field)) => field
                .strip_prefix("label.")
                .map_or_else(unknown, |name| Self::CallerLabel(name.into())),
            Some(("metadata", key)) => Self::Metadata(key.into()),
            Some(("headers", name)) => Self::header(name),
            Some(("body", name)) => BodyField::named(name).map_or_else(unknown, Self::Body),
            _ => unknown(),
        }
    }
}

/// A field of a request, to be tested.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a field is no condition until it is tested"]
pub struct Field(Subject);

impl Field {
    fn is(self, operator: Operator) -> Condition {
        Condition(Test::Field(self.0, vec![operator]))
    }

    /// It is this value.
    pub fn equals(self, value: impl Into<MetadataValue>) -> Condition {
        self.is(Operator::Equals(value.into()))
    }

    /// It is another value, or not there.
    pub fn not_equals(self, value: impl Into<MetadataValue>) -> Condition {
        self.is(Operator::NotEquals(value.into()))
    }

    /// It is one of these values.
    pub fn one_of<V: Into<MetadataValue>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        self.is(Operator::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// Whether it is there. A `null` in the body is not.
    pub fn exists(self, exists: bool) -> Condition {
        self.is(Operator::Exists(exists))
    }

    /// It is a number below this one.
    pub fn less(self, number: impl Into<f64>) -> Condition {
        self.is(Operator::Less(number.into()))
    }

    /// It is this number or one below.
    pub fn less_or_equal(self, number: impl Into<f64>) -> Condition {
        self.is(Operator::LessOrEqual(number.into()))
    }

    /// It is a number above this one.
    pub fn greater(self, number: impl Into<f64>) -> Condition {
        self.is(Operator::Greater(number.into()))
    }

    /// It is this number or one above.
    pub fn greater_or_equal(self, number: impl Into<f64>) -> Condition {
        self.is(Operator::GreaterOrEqual(number.into()))
    }

    /// It is a text that begins like this.
    pub fn starts_with(self, prefix: impl Into<String>) -> Condition {
        self.is(Operator::StartsWith(prefix.into().into()))
    }
}
