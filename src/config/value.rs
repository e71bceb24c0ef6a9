//! One value of a settings file.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::section::{Named, Place, Section};
use crate::directives::form::Whole;
use crate::directives::metadata::MetadataValue;

/// A value, and where it stands.
pub(super) struct Value<'s> {
    pub(super) place: Place<'s>,
    value: DeValue<'s>,
}

impl<'s> Value<'s> {
    pub(super) fn new(place: Place<'s>, value: DeValue<'s>) -> Self {
        Self { place, value }
    }

    fn must_be(&self, what: &str) -> ConfigFileError {
        self.place.refuse(Kind::Value, format_args!("it must be {what}"))
    }

    pub(super) fn text(self) -> Result<Named<'s>, ConfigFileError> {
        match self.value {
            DeValue::String(text) => Ok(Named { place: self.place, text: text.into_owned() }),
            _ => Err(self.must_be("a string")),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub(super) fn flag(self) -> Result<bool, ConfigFileError> {
        self.value.as_bool().ok_or_else(|| self.must_be("true or false"))
    }

    pub(super) fn whole(self, form: &Whole) -> Result<u64, ConfigFileError> {
        let number = self.value.as_integer();
        let number =
            number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| (form.fits)(*number)).ok_or_else(|| self.must_be(form.must_be))
    }

    /// A price, in USD.
    pub(super) fn usd(self) -> Result<f64, ConfigFileError> {
        self.fraction("a number of USD, not negative", |usd| usd >= 0.0)
    }

    /// A number, whole or not.
    pub(super) fn fraction(
        self,
        must_be: &str,
        fits: fn(f64) -> bool,
    ) -> Result<f64, ConfigFileError> {
        self.number().filter(|number| fits(*number)).ok_or_else(|| self.must_be(must_be))
    }

    /// A value for metadata.
    pub(super) fn scalar(self) -> Result<MetadataValue, ConfigFileError> {
        match (self.number(), self.value) {
            (Some(number), _) => Ok(MetadataValue::Number(number)),
            (None, DeValue::Boolean(flag)) => Ok(MetadataValue::Bool(flag)),
            (None, DeValue::String(text)) => Ok(MetadataValue::String(text.into_owned())),
            (None, value) => {
                Err(Self { place: self.place, value }.must_be("a string, a number or a boolean"))
            }
        }
    }

    fn number(&self) -> Option<f64> {
        let number = match &self.value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|number: &f64| number.is_finite())
    }

    pub(super) fn section(self) -> Result<Section<'s>, ConfigFileError> {
        match self.value {
            DeValue::Table(entries) => Ok(Section::new(self.place, entries)),
            _ => Err(self.must_be("a table")),
        }
    }

    /// Like [`section`](Self::section), where people would write a key or token in its stead.
    pub(super) fn secret_section(self) -> Result<Section<'s>, ConfigFileError> {
        match self.value {
            DeValue::String(_) => Err(self.place.refuse_plain()),
            _ => self.section(),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Value<'s>>, ConfigFileError> {
        let DeValue::Array(elements) = self.value else { return Err(self.must_be("a list")) };
        let elements = elements.into_iter().enumerate().map(|(index, element)| {
            let place = self.place.element(index, element.span().start);
            Value::new(place, element.into_inner())
        });
        Ok(elements.collect())
    }

    /// Hands it to serde, with places that are still those of the file.
    pub(super) fn raw(self) -> (Place<'s>, DeValue<'s>) {
        (self.place, self.value)
    }
}

/// A deserializer of a value whose parts know their places.
pub(super) fn deserializer<'s>(value: DeValue<'s>) -> ValueDeserializer<'s> {
    ValueDeserializer::from(Spanned::new(0..0, value))
}

pub(super) fn milliseconds(
    section: &mut Section<'_>,
    name: &str,
    form: &Whole,
) -> Result<Option<Duration>, ConfigFileError> {
    Ok(section.whole(name, form)?.map(Duration::from_millis))
}
