//! The metadata of a request: the client's (`cf-aig-metadata`) and the host's.

use std::fmt;

use crate::json::flat::{self, Scalar};

/// The maximum number of a client's entries, as on the hosted gateway.
const MOST: usize = 5;
/// How much of a dropped key is repeated in the warning.
const LONGEST_IN_WARNING: usize = 64;

/// Integers up to 2^53 are exact.
#[cfg(feature = "log")]
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The entries of `cf-aig-metadata` in order: up to five strings, numbers or booleans, preceded by
/// those that the host has [set itself](crate::settings::GatewaySettingsBuilder::metadata).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(Vec<(String, MetadataValue)>);

/// One value of [`Metadata`].
///
/// ```
/// use tower_ai_gateway::context::MetadataValue;
///
/// assert_eq!(MetadataValue::from("blue"), MetadataValue::String("blue".to_owned()));
/// assert_eq!(MetadataValue::from(7).to_string(), "7");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(any(feature = "config", feature = "log"), derive(serde::Deserialize), serde(untagged))]
#[non_exhaustive]
pub enum MetadataValue {
    /// A string.
    String(String),
    /// A number. Integers above 2^53 lose their last digits: send ids as strings.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
}

impl Metadata {
    /// The entries, and the keys that were dropped; `None` if it is not a JSON object. `is_taken`:
    /// the key belongs to the host, and clients may not set it.
    pub(crate) fn parse(
        json: &[u8],
        is_taken: impl Fn(&str) -> bool,
    ) -> Option<(Self, Vec<String>)> {
        let mut kept = Self::default();
        let mut left_out = Vec::new();
        for (key, value) in flat::members(json)? {
            let value = match value {
                Scalar::String(text) => Some(MetadataValue::String(text)),
                Scalar::Number(number) => Some(MetadataValue::Number(number)),
                Scalar::Bool(flag) => Some(MetadataValue::Bool(flag)),
                Scalar::Unusable => None,
            };
            let added = match value {
                Some(value) if !is_taken(&key) => kept.add(key, value),
                _ => Err(key),
            };
            left_out.extend(added.err().map(|key| visible(&key)));
        }
        Some((kept, left_out))
    }

    /// Adds an entry. Returns its key if there is no room, or the key exists or is reserved.
    pub(crate) fn add(&mut self, key: String, value: MetadataValue) -> Result<(), String> {
        self.add_up_to(MOST, key, value)
    }

    /// The same with room for `most` entries.
    pub(crate) fn add_up_to(
        &mut self,
        most: usize,
        key: String,
        value: MetadataValue,
    ) -> Result<(), String> {
        // `cf.` is reserved for the gateway's own entries.
        if self.len() >= most || key.starts_with("cf.") || self.get(&key).is_some() {
            return Err(key);
        }
        self.0.push((key, value));
        Ok(())
    }

    /// The host's entries, followed by those of these with other keys.
    pub(crate) fn after(self, host: &Self) -> Self {
        let rest = self.0.into_iter().filter(|(key, _)| host.get(key).is_none());
        Self(host.0.iter().cloned().chain(rest).collect())
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// All entries: the host's, then the client's in the order it wrote them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

macro_rules! from {
    ($($type:ty: $make:expr;)+) => {$(
        impl From<$type> for MetadataValue {
            fn from(value: $type) -> Self {
                let make: fn($type) -> Self = $make;
                make(value)
            }
        }
    )+};
}

from! {
    &str: |text| Self::String(text.to_owned());
    String: Self::String;
    bool: Self::Bool;
    f64: Self::Number;
    i32: |number| Self::Number(number.into());
    u32: |number| Self::Number(number.into());
}

impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
        }
    }
}

/// Integers are written as the client wrote them, without a fraction.
#[cfg(feature = "log")]
impl serde::Serialize for MetadataValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => serializer.serialize_str(text),
            // Above that, integers are not exact. Float casts saturate.
            Self::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
                serializer.serialize_i64(*number as i64)
            }
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
        }
    }
}

/// A key as it may be shown in a header.
fn visible(key: &str) -> String {
    let replace = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    key.chars().take(LONGEST_IN_WARNING).map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_five_valid_entries_are_kept_in_order() {
        let json = br#"{"z":"s","a":1.5,"n":null,"b":true,"cf.x":1,"a":2,"c":"4","d":"5","e":"6"}"#;
        let (metadata, left_out) = Metadata::parse(json, |_| false).unwrap();
        let entries: Vec<_> =
            metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(entries, ["z=s", "a=1.5", "b=true", "c=4", "d=5"]);
        assert_eq!(left_out, ["n", "cf.x", "a", "e"]);
        assert_eq!(metadata.get("b"), Some(&MetadataValue::Bool(true)));
        assert!(!metadata.is_empty());
    }

    #[test]
    fn a_host_key_is_dropped_in_any_spelling_and_takes_no_room() {
        let json = br#"{"ten\u0061nt":"x","a":1,"b":1,"c":1,"d":1,"e":1,"tenant":2,"f":1}"#;
        let (metadata, left_out) = Metadata::parse(json, |key| key == "tenant").unwrap();
        assert_eq!(metadata.len(), 5);
        assert_eq!(left_out, ["tenant", "tenant", "f"]);
    }

    #[cfg(feature = "log")]
    #[test]
    fn whole_numbers_have_no_fraction() {
        let json = |number| serde_json::to_string(&MetadataValue::Number(number)).unwrap();
        assert_eq!([1.0, -7.0, 0.5, 0.0].map(json), ["1", "-7", "0.5", "0"]);
        assert_eq!([EXACT, 1e300].map(json), ["9007199254740992", "1e+300"]);
        let read: MetadataValue = serde_json::from_str("1").unwrap();
        assert_eq!(read, MetadataValue::Number(1.0));
    }

    #[test]
    fn keys_in_warnings_are_short_and_visible() {
        let json = format!("{{\"{}\":null}}", "\u{e9}\\n ".repeat(50));
        let (_, left_out) = Metadata::parse(json.as_bytes(), |_| false).unwrap();
        assert_eq!(left_out[0].len(), LONGEST_IN_WARNING);
        assert!(left_out[0].bytes().all(|byte| byte == b'?'));
    }
}
