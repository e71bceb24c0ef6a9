//! Types of values with ranges and forms. Errors never repeat an invalid value.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::directives::RawValue;
use crate::directives::form::Form;
use crate::directives::metadata::MetadataValue;

/// An integer within a range.
pub(super) struct Whole<const LEAST: u32, const MOST: u32>(pub(super) u32);
/// A duration in milliseconds within a range.
pub(super) struct Milliseconds<const LEAST: u64, const MOST: u64>(pub(super) Duration);

/// The value of a directive with this form.
pub(super) struct DirectiveValue<F: Form>(pub(super) F::Value);

/// The weight of a choice.
pub(super) type Weight = Whole<1, 1_000_000>;

/// Deserializes a value with `form`, which returns `None` for an invalid one.
pub(super) fn read<'de, D: Deserializer<'de>, V: Deserialize<'de>, T>(
    from: D,
    must_be: impl fmt::Display,
    form: impl FnOnce(V) -> Option<T>,
) -> Result<T, D::Error> {
    let value = V::deserialize(from).ok().and_then(form);
    value.ok_or_else(|| D::Error::custom(format_args!("it must be {must_be}")))
}

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, format_args!("a whole number from {LEAST} to {MOST}"), |number| {
            (LEAST..=MOST).contains(&number).then_some(Self(number))
        })
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Milliseconds<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let must_be = format!("milliseconds, a whole number from {LEAST} to {MOST}");
        read(from, must_be, |ms| {
            (LEAST..=MOST).contains(&ms).then_some(Self(Duration::from_millis(ms)))
        })
    }
}

impl<'de, F: Form> Deserialize<'de> for DirectiveValue<F> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, F::MUST_BE, |value: toml::Value| F::read(RawValue::Toml(&value)).map(Self))
    }
}

/// A newtype of a value that must be valid.
macro_rules! form {
    ($(#[$doc:meta])* $name:ident($of:ty), $must_be:expr, $fits:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(super) struct $name(pub(super) $of);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let fits: fn(&$of) -> bool = $fits;
                $crate::config::value::read(from, $must_be, |value| {
                    Some(value).filter(fits).map(Self)
                })
            }
        }
    };
}
pub(super) use form;

form!(
    /// A value for metadata.
    Scalar(MetadataValue),
    "a string, a number or a boolean",
    |value| !matches!(value, MetadataValue::Number(number) if !number.is_finite())
);

/// A table of the file, with a row per key: the type of its value, and its effect. Rows are applied
/// in order.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $name:ident, $on:ident: $On:ty, $cx:ident: $Cx:ty;
        $($field:ident: $type:ty $(=> $does:expr)?;)*
    ) => {
        $(#[$doc])*
        #[derive(Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $field: Option<$type>,)*
        }

        impl $name {
            pub(super) fn apply(
                self,
                mut $on: $On,
                $cx: $Cx,
            ) -> Result<$On, $crate::config::place::Mistake> {
                $($(if let Some($field) = self.$field {
                    $does;
                })?)*
                Ok($on)
            }
        }
    };
}
pub(super) use section;
