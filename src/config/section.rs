//! A settings file as it is read: tables that give up their keys one by one, and know where they
//! stand.

use std::fmt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::redact::{complaint, setting};
use super::value::Value;
use crate::credentials::secret::{Secret, SecretError};
use crate::directives::form::Whole;
use crate::util::redact::{begins_as_key, is_credential};

/// Names under which people would write a key or a token into the file, beside those of
/// credentials.
const PLAIN: [&str; 3] = ["key", "value", "plain"];

/// The text of a file, and where its keys come from.
pub(super) struct Source<'s> {
    pub(super) text: &'s str,
    /// What relative paths begin at.
    pub(super) directory: Option<&'s Path>,
    pub(super) env: fn(&str) -> Result<Secret, SecretError>,
}

/// Where something stands in a file.
#[derive(Clone)]
pub(super) struct Place<'s> {
    pub(super) source: &'s Source<'s>,
    key: String,
    /// In bytes.
    at: usize,
}

/// A table of which keys are taken; what is left at its [`end`](Self::end) is unknown.
pub(super) struct Section<'s> {
    pub(super) place: Place<'s>,
    entries: DeTable<'s>,
}

/// A text, and where it stands.
pub(super) struct Named<'s> {
    pub(super) place: Place<'s>,
    pub(super) text: String,
}

impl Named<'_> {
    /// Refuses what looks like a key.
    pub(super) fn unless_key(self) -> Result<Self, ConfigFileError> {
        if begins_as_key(&self.text) { Err(self.place.refuse_plain()) } else { Ok(self) }
    }
}

impl<'s> Source<'s> {
    /// The table that the file is.
    pub(super) fn root(&'s self) -> Result<Section<'s>, ConfigFileError> {
        let place = |at| Place { source: self, key: String::new(), at };
        match DeTable::parse(self.text) {
            Ok(table) => Ok(Section { place: place(0), entries: table.into_inner() }),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err(place(at).refuse(Kind::Syntax, complaint(error.message())))
            }
        }
    }
}

impl<'s> Place<'s> {
    pub(super) fn refuse(&self, kind: Kind, message: impl fmt::Display) -> ConfigFileError {
        let before = self.source.text.as_bytes().iter().take(self.at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        ConfigFileError::new(line, &self.key, kind, message)
    }

    /// A part of what stands here.
    pub(super) fn part(&self, name: impl fmt::Display, at: usize) -> Self {
        let key = match self.key.as_str() {
            "" => name.to_string(),
            key => format!("{key}.{name}"),
        };
        Self { source: self.source, key, at }
    }

    pub(super) fn element(&self, index: usize, at: usize) -> Self {
        Self { source: self.source, key: format!("{}[{index}]", self.key), at }
    }

    /// Another place for the same key.
    pub(super) fn at(&self, at: usize) -> Self {
        Self { at, ..self.clone() }
    }

    /// Called by a name in place of its number.
    pub(super) fn called(&mut self, list: &Place<'_>, name: &str) {
        self.key = format!("{}.{name}", list.key);
    }
}

impl<'s> Section<'s> {
    pub(super) fn new(place: Place<'s>, entries: DeTable<'s>) -> Self {
        Self { place, entries }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value<'s>> {
        #[cfg(test)]
        super::tests::asked::note(&self.place.key, name);
        let (key, value) = self.entries.remove_entry(name)?;
        Some(Value::new(self.place.part(name, key.span().start), value.into_inner()))
    }

    /// What must be there.
    pub(super) fn need<T>(&self, name: &str, value: Option<T>) -> Result<T, ConfigFileError> {
        value.ok_or_else(|| {
            self.place.refuse(Kind::Missing, format_args!("it needs `{name}`, which is not there"))
        })
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<Named<'s>>, ConfigFileError> {
        self.take(name).map(Value::text).transpose()
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<Named<'s>>>, ConfigFileError> {
        let Some(list) = self.take(name) else { return Ok(None) };
        list.list()?.into_iter().map(Value::text).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, ConfigFileError> {
        self.take(name).map(Value::flag).transpose()
    }

    pub(super) fn whole(
        &mut self,
        name: &str,
        form: &Whole,
    ) -> Result<Option<u64>, ConfigFileError> {
        self.take(name).map(|value| value.whole(form)).transpose()
    }

    pub(super) fn section(&mut self, name: &str) -> Result<Option<Self>, ConfigFileError> {
        self.take(name).map(Value::section).transpose()
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Value<'s>>, ConfigFileError> {
        self.take(name).map_or(Ok(Vec::new()), Value::list)
    }

    /// All that is left, under whatever names.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = (String, Value<'s>)> + use<'s> {
        let place = self.place.clone();
        std::mem::take(&mut self.entries).into_iter().map(move |(key, value)| {
            let at = key.span().start;
            let name = key.into_inner().into_owned();
            let place = place.part(&name, at);
            (name, Value::new(place, value.into_inner()))
        })
    }

    /// Refuses what was not taken.
    pub(super) fn end(self) -> Result<(), ConfigFileError> {
        let first = self.entries.keys().min_by_key(|key| key.span().start);
        first.map_or(Ok(()), |key| Err(self.unknown(key)))
    }

    fn unknown(&self, key: &Spanned<toml::de::DeString<'s>>) -> ConfigFileError {
        let (name, at) = (key.get_ref(), key.span().start);
        let place = self.place.part(setting(name), at);
        if PLAIN.contains(&&**name) || is_credential(name) {
            return place.refuse_plain();
        }
        place.refuse(Kind::UnknownKey, "there is no setting of this name here")
    }
}

impl Place<'_> {
    /// A secret that stands in the file itself.
    pub(super) fn refuse_plain(&self) -> ConfigFileError {
        self.refuse(
            Kind::PlainSecret,
            "a key or token must not stand in this file, which is copied, shown and kept in \
             repositories: name what holds it by `env = \"VARIABLE\"` or `file = \"PATH\"`",
        )
    }
}

/// The offsets of a table's member, for what is read by other means.
pub(super) fn offset(value: &DeValue<'_>, path: &[&str]) -> Option<usize> {
    let (name, rest) = path.split_first()?;
    let (key, value) = value.as_table()?.get_key_value(*name)?;
    match rest {
        [] => Some(key.span().start),
        rest => offset(value.get_ref(), rest),
    }
}
