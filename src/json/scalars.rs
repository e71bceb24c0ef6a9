//! The members of a request body that routing may use.

use super::flat::{self, Scalar};
use super::string;

/// The longest value that is kept, as written between its quotes.
const LONGEST: usize = 256;

/// A top-level scalar member of a request body that conditions can read.
///
/// ```
/// use tower_ai_gateway::settings::route::{BodyField, Field};
///
/// let condition = Field::body(BodyField::Model).starts_with("gpt-5");
/// assert_eq!(BodyField::Model.name(), "model");
/// # let _ = condition;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyField {
    /// `model`, as the client wrote it: text.
    Model,
    /// `stream`: a boolean.
    Stream,
    /// `max_tokens`: a number.
    MaxTokens,
    /// `max_completion_tokens`: a number.
    MaxCompletionTokens,
    /// `max_output_tokens`: a number.
    MaxOutputTokens,
    /// `user`: text.
    User,
    /// `service_tier`: text.
    ServiceTier,
}

impl BodyField {
    pub(super) const ALL: [Self; 7] = [
        Self::Model,
        Self::Stream,
        Self::MaxTokens,
        Self::MaxCompletionTokens,
        Self::MaxOutputTokens,
        Self::User,
        Self::ServiceTier,
    ];

    /// The key in the body.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
            Self::User => "user",
            Self::ServiceTier => "service_tier",
        }
    }

    #[cfg(any(feature = "config", test))]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BodyFields(u8);

impl BodyFields {
    pub(crate) fn insert(&mut self, field: BodyField) {
        self.0 |= 1 << field as u8;
    }

    pub(crate) fn has_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// The values of a body's fields that conditions can read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BodyScalars([Option<Scalar>; 7]);

impl BodyScalars {
    /// `None` if the field is missing or `null`; [`Scalar::Unusable`] if it is too long, malformed
    /// or not a scalar.
    pub(crate) fn get(&self, field: BodyField) -> Option<&Scalar> {
        self.0[field as usize].as_ref()
    }

    pub(crate) fn set(&mut self, field: BodyField, value: Option<Scalar>) {
        self.0[field as usize] = value;
    }
}

/// Keeps the values of these fields while a scanner reads a body.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    scalars: BodyScalars,
    seen: BodyFields,
    /// The field whose value is being read.
    open: Option<BodyField>,
    raw: Vec<u8>,
}

impl Capture {
    pub(crate) fn scalars(&self) -> &BodyScalars {
        &self.scalars
    }

    /// The fields whose values have passed completely.
    pub(crate) fn seen(&self) -> BodyFields {
        self.seen
    }

    /// Starts a value. `head` is what has passed without [`extend`](Self::extend).
    pub(crate) fn begin(&mut self, field: BodyField, head: &[u8]) {
        self.raw.clear();
        self.raw.extend_from_slice(head);
        self.open = Some(field);
    }

    /// Continues the current value, if there is one.
    pub(crate) fn extend(&mut self, part: &[u8]) {
        if self.open.is_some() {
            // One byte more than the longest is enough to know that it is too long.
            let room = (LONGEST + 1).saturating_sub(self.raw.len());
            self.raw.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    pub(crate) fn end_of_string(&mut self) {
        let Some(field) = self.open.take() else { return };
        let text = self.kept().and_then(string::decode);
        self.set(field, Some(text.map_or(Scalar::Unusable, Scalar::String)));
    }

    pub(crate) fn end_of_word(&mut self) {
        let Some(field) = self.open.take() else { return };
        let value = match self.kept().and_then(|raw| str::from_utf8(raw).ok()) {
            Some("null") => None,
            word => Some(word.and_then(flat::word).unwrap_or(Scalar::Unusable)),
        };
        self.set(field, value);
    }

    /// Records an object or array.
    pub(crate) fn nested(&mut self, field: BodyField) {
        self.set(field, Some(Scalar::Unusable));
    }

    fn kept(&self) -> Option<&[u8]> {
        (self.raw.len() <= LONGEST).then_some(&self.raw)
    }

    /// If a key is given twice, the last value counts, as for most JSON readers.
    fn set(&mut self, field: BodyField, value: Option<Scalar>) {
        self.scalars.set(field, value);
        self.seen.insert(field);
    }
}

#[cfg(test)]
mod tests;
