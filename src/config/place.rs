//! Locates errors. Serde reports an offset in the text; parsing the text as a tree gives the line
//! and key.

mod found;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::found::Found;
use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::redact::{complaint, setting};
use crate::util::redact::{begins_as_key, is_credential};

/// Names that people might use to write a key or token into the file, in addition to those of
/// credentials.
const PLAIN_NAMES: [&str; 3] = ["key", "value", "plain"];

const NO_SETTING: &str = "there is no setting of this name in this section";
const PLAIN: &str = "a key or token must not be in this file, which is copied, shown and kept in \
                     repositories: name what holds it by `env = \"VARIABLE\"` or `file = \"PATH\"`";
pub(super) const PLAIN_CERTIFICATE: &str = "a certificate and its private key must not be in \
     this file: name the file that holds them by `file = \"PATH\"`";

/// The text of a file, and its sources of secrets.
pub(super) struct Source<'s> {
    pub(super) text: &'s str,
    /// The directory at which relative paths start.
    pub(super) directory: Option<&'s Path>,
    pub(super) env: fn(&str) -> Option<String>,
}

/// A string with its location.
pub(super) type Text = Spanned<String>;

/// Entries whose names the file chooses.
pub(super) type Named<T> = BTreeMap<Text, T>;

/// A table with its location. Unlike a plain struct, it does not accept a list.
pub(super) struct Table<T> {
    span: Range<usize>,
    pub(super) fields: T,
}

/// An error whose location is an offset.
pub(super) struct Mistake {
    span: Range<usize>,
    /// The path of keys below that location, which may not exist.
    below: Vec<String>,
    kind: Kind,
    message: String,
}

/// A value with a location.
pub(super) trait Located {
    fn span(&self) -> Range<usize>;

    fn refuse(&self, kind: Kind, message: impl fmt::Display) -> Mistake {
        Mistake { span: self.span(), below: Vec::new(), kind, message: message.to_string() }
    }

    /// The error for a missing setting in this table.
    fn missing(&self, name: &str) -> Mistake {
        self.refuse(Kind::Missing, format_args!("it needs `{name}`, which is missing"))
    }

    fn refuse_unknown(&self) -> Mistake {
        self.refuse(Kind::UnknownKey, NO_SETTING)
    }

    /// The error for a secret in the file itself.
    fn refuse_plain(&self) -> Mistake {
        self.refuse(Kind::PlainSecret, PLAIN)
    }
}

impl<T> Located for Spanned<T> {
    fn span(&self) -> Range<usize> {
        self.span()
    }
}

impl<T> Located for Table<T> {
    fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

impl Mistake {
    /// An error without a location.
    pub(super) fn of_file(kind: Kind, message: impl fmt::Display) -> Self {
        Spanned::new(0..0, ()).refuse(kind, message)
    }

    pub(super) fn below<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.below.extend(names.into_iter().map(str::to_owned));
        self
    }
}

/// Refuses a text that looks like a key.
pub(super) fn unless_key<'t>(text: &'t str, place: &impl Located) -> Result<&'t str, Mistake> {
    if begins_as_key(text) { Err(place.refuse_plain()) } else { Ok(text) }
}

/// Parses a keyword.
pub(super) fn keyword<T>(
    word: &Text,
    named: impl FnOnce(&str) -> Option<T>,
    must_be: impl fmt::Display,
) -> Result<T, Mistake> {
    named(word.get_ref())
        .ok_or_else(|| word.refuse(Kind::Value, format_args!("it must be {must_be}")))
}

/// A look-up table for [`keyword`].
pub(super) fn one_of<T, const N: usize>(words: [(&str, T); N]) -> impl FnOnce(&str) -> Option<T> {
    move |word| words.into_iter().find(|(known, _)| *known == word).map(|(_, value)| value)
}

impl<T> Table<T> {
    /// Only the location.
    pub(super) fn place(&self) -> Spanned<()> {
        Spanned::new(self.span.clone(), ())
    }
}

impl<T> Deref for Table<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.fields
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = Spanned::<Fields<T>>::deserialize(from)?;
        Ok(Self { span: fields.span(), fields: fields.into_inner().0 })
    }
}

struct Fields<T>(T);

struct OfTable<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OfTable(PhantomData)).map(Self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfTable<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

impl Source<'_> {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigFileError> {
        let tree = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default().start;
            self.error(at, "", Kind::Syntax, complaint(error.message()))
        })?;
        T::deserialize(toml::de::Deserializer::from(tree)).map_err(|error| self.of_serde(&error))
    }

    pub(super) fn locate(&self, mistake: &Mistake) -> ConfigFileError {
        let found = self.find(&mistake.span, &mistake.below);
        self.error(found.at, &found.key, mistake.kind, &mistake.message)
    }

    /// Rewords an error of serde.
    fn of_serde(&self, error: &toml::de::Error) -> ConfigFileError {
        let Found { mut key, name, at, route } = self.find(&error.span().unwrap_or_default(), &[]);
        let message = error.message();
        let is_string = message.starts_with("invalid type: string");
        let must_be = message.rsplit_once(", expected ").map(|(_, must_be)| match must_be {
            "a boolean" => "true or false",
            "a sequence" => "a list",
            "a map" => "a table",
            must_be => must_be,
        });
        let plain = |what: &str| (Kind::PlainSecret, what.to_owned());
        let (kind, message) = if let Some(route) = route {
            key = route;
            (Kind::Route, complaint(message))
        } else if message.starts_with("unknown field") {
            // The name may be a key in the wrong place.
            let before = key.strip_suffix(&*name).unwrap_or_default();
            key = format!("{before}{}", setting(&name));
            match PLAIN_NAMES.contains(&&*name) || is_credential(&name) {
                true => plain(PLAIN),
                false => (Kind::UnknownKey, NO_SETTING.to_owned()),
            }
        } else if let Some(name) = message.strip_prefix("missing field ") {
            (Kind::Missing, format!("it needs {name}, which is missing"))
        } else {
            match (&*name, must_be) {
                ("tokens" | "keys", Some("a table")) if is_string => plain(PLAIN),
                ("client_certificate", Some("a table")) if is_string => plain(PLAIN_CERTIFICATE),
                (_, Some(must_be)) => (Kind::Value, format!("it must be {must_be}")),
                (_, None) => (Kind::Value, complaint(message)),
            }
        };
        self.error(at, &key, kind, message)
    }

    /// The path of a file that this one names.
    pub(super) fn path(&self, file: &Text) -> PathBuf {
        self.directory.unwrap_or("".as_ref()).join(file.get_ref())
    }

    fn error(
        &self,
        at: usize,
        key: &str,
        kind: Kind,
        message: impl fmt::Display,
    ) -> ConfigFileError {
        let before = self.text.as_bytes().iter().take(at);
        ConfigFileError::new(1 + before.filter(|byte| **byte == b'\n').count(), key, kind, message)
    }

    fn find(&self, span: &Range<usize>, below: &[String]) -> Found {
        let (tree, _) = DeTable::parse_recoverable(self.text);
        let root = Spanned::new(0..0, DeValue::Table(tree.into_inner()));
        let at = Found { at: span.start, ..Found::default() };
        Found::default().find(&root, span, below).unwrap_or(at)
    }
}
