//! Conditions on a request.

use crate::directives::metadata::MetadataValue;
use crate::directives::metadata::MetadataValue::Number;
use crate::json::scalars::BodyFields;
use crate::settings::route::error::RouteErrorKind;
use crate::settings::route::field::{Field, Source};

/// The maximum nesting of conditions.
const DEEPEST: usize = 16;

/// A condition on a request: a test of one [`Field`], or a combination of conditions. Mistakes are
/// reported when the route is built.
///
/// ```
/// use tower_ai_gateway::settings::route::{BodyField, Condition, Field};
///
/// let condition = Condition::all([
///     Field::identity_label("plan").one_of(["paid", "trial"]),
///     Condition::not(Field::header("x-canary").exists(true)),
///     Field::body(BodyField::MaxTokens).less_or_equal(4096),
/// ]);
/// # let _ = condition;
/// ```
// All parts that are present must hold.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize))]
pub struct Condition {
    pub(super) all: Option<Vec<Condition>>,
    pub(super) any: Option<Vec<Condition>>,
    pub(super) not: Option<Box<Condition>>,
    #[cfg_attr(feature = "config", serde(flatten, deserialize_with = "fields"))]
    pub(super) fields: Vec<(Field, Test)>,
}

/// A test of a field's value. All parts that are present must hold.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Test {
    pub(super) eq: Option<MetadataValue>,
    pub(super) ne: Option<MetadataValue>,
    #[cfg_attr(feature = "config", serde(rename = "in"))]
    pub(super) one_of: Option<Vec<MetadataValue>>,
    pub(super) exists: Option<bool>,
    pub(super) lt: Option<f64>,
    pub(super) lte: Option<f64>,
    pub(super) gt: Option<f64>,
    pub(super) gte: Option<f64>,
    pub(super) starts_with: Option<String>,
}

/// Reads the tests of fields, sorted by name.
#[cfg(feature = "config")]
fn fields<'de, D: serde::Deserializer<'de>>(table: D) -> Result<Vec<(Field, Test)>, D::Error> {
    let fields: std::collections::BTreeMap<String, _> = serde::Deserialize::deserialize(table)?;
    Ok(fields.into_iter().map(|(name, test)| (name.into(), test)).collect())
}

impl Condition {
    /// A condition without parts, which is invalid by itself.
    pub(super) fn empty() -> Self {
        Self { all: None, any: None, not: None, fields: Vec::new() }
    }

    /// All of them must hold.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self { all: Some(conditions.into_iter().collect()), ..Self::empty() }
    }

    /// At least one of them must hold.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self { any: Some(conditions.into_iter().collect()), ..Self::empty() }
    }

    /// It must not hold.
    #[expect(clippy::should_implement_trait, reason = "it cannot be combined with `all` or `any`")]
    pub fn not(condition: Self) -> Self {
        Self { not: Some(Box::new(condition)), ..Self::empty() }
    }

    /// The conditions nested in it.
    fn parts(&self) -> impl Iterator<Item = &Self> {
        self.all.iter().flatten().chain(self.any.iter().flatten()).chain(self.not.as_deref())
    }

    /// Adds the body members that it reads.
    pub(super) fn body_fields(&self, fields: &mut BodyFields) {
        self.parts().for_each(|part| part.body_fields(fields));
        for (field, _) in &self.fields {
            if let Source::Body(field) = field.0 {
                fields.insert(field);
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), RouteErrorKind> {
        self.check_below(0)
    }

    fn check_below(&self, depth: usize) -> Result<(), RouteErrorKind> {
        let refuse =
            |field: String, reason| Err(RouteErrorKind::Condition { field: field.into(), reason });
        if depth == DEEPEST {
            return refuse(String::new(), "it is nested too deeply");
        }
        let has_empty = [&self.all, &self.any].into_iter().flatten().any(Vec::is_empty);
        if has_empty || *self == Self::empty() {
            return refuse(String::new(), "it is empty");
        }
        self.parts().try_for_each(|part| part.check_below(depth + 1))?;
        for (field, test) in &self.fields {
            if let Some(reason) = field.mistake().or_else(|| test.mistake(field)) {
                return refuse(field.to_string(), reason);
            }
        }
        Ok(())
    }
}

/// The available tests.
impl Field {
    fn tested(self, test: Test) -> Condition {
        Condition { fields: vec![(self, test)], ..Condition::empty() }
    }

    /// The field equals this value.
    pub fn equals(self, value: impl Into<MetadataValue>) -> Condition {
        self.tested(Test { eq: Some(value.into()), ..Test::default() })
    }

    /// The field has another value or is absent.
    pub fn not_equals(self, value: impl Into<MetadataValue>) -> Condition {
        self.tested(Test { ne: Some(value.into()), ..Test::default() })
    }

    /// The field equals one of these values.
    pub fn one_of<V: Into<MetadataValue>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        let values = values.into_iter().map(Into::into).collect();
        self.tested(Test { one_of: Some(values), ..Test::default() })
    }

    /// The field is present, or with `false` absent. A `null` in the body counts as absent.
    pub fn exists(self, exists: bool) -> Condition {
        self.tested(Test { exists: Some(exists), ..Test::default() })
    }

    /// The field is a number below this one.
    pub fn less(self, number: impl Into<f64>) -> Condition {
        self.tested(Test { lt: Some(number.into()), ..Test::default() })
    }

    /// The field is this number or a smaller one.
    pub fn less_or_equal(self, number: impl Into<f64>) -> Condition {
        self.tested(Test { lte: Some(number.into()), ..Test::default() })
    }

    /// The field is a number above this one.
    pub fn greater(self, number: impl Into<f64>) -> Condition {
        self.tested(Test { gt: Some(number.into()), ..Test::default() })
    }

    /// The field is this number or a larger one.
    pub fn greater_or_equal(self, number: impl Into<f64>) -> Condition {
        self.tested(Test { gte: Some(number.into()), ..Test::default() })
    }

    /// The field is a text with this prefix.
    pub fn starts_with(self, prefix: impl Into<String>) -> Condition {
        self.tested(Test { starts_with: Some(prefix.into()), ..Test::default() })
    }
}

impl Test {
    /// Why it cannot be used on the field.
    fn mistake(&self, field: &Field) -> Option<&'static str> {
        if *self == Self::default() {
            return Some("it tests nothing");
        }
        if self.one_of.as_ref().is_some_and(Vec::is_empty)
            || self.starts_with.as_ref().is_some_and(String::is_empty)
        {
            return Some("it has nothing to compare with");
        }
        let bounds = [self.lt, self.lte, self.gt, self.gte].map(|bound| bound.map(Number));
        let prefix = self.starts_with.clone().map(MetadataValue::String);
        let values = self.eq.iter().chain(&self.ne).chain(self.one_of.iter().flatten());
        let mut values = values.chain(bounds.iter().flatten()).chain(&prefix);
        values.find_map(|value| match value {
            Number(number) if !number.is_finite() => {
                Some("it compares with something that is not a number")
            }
            value => field.rejects(value),
        })
    }
}
