//! Tables and values with their location.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::PriceTableError;
use crate::usage::price::Rate;
use crate::usage::table::Date;

/// A table whose keys are taken one by one. Keys left at its [`end`](Self::end) are unknown.
pub(super) struct Table<'t> {
    pub(super) text: &'t str,
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) entries: DeTable<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn empty(&self) -> Self {
        Self { text: self.text, key: self.key.clone(), at: self.at, entries: DeTable::new() }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value<'t>> {
        let (key, value) = self.entries.remove_entry(key)?;
        Some(Value::new(self.text, &self.key, key.get_ref(), value))
    }

    pub(super) fn table(&mut self, key: &str) -> Result<Option<Self>, PriceTableError> {
        self.take(key).map(Value::table).transpose()
    }

    pub(super) fn usd(&mut self, key: &str, units: u64) -> Result<Option<Rate>, PriceTableError> {
        self.take(key).map(|value| value.usd(units)).transpose()
    }

    pub(super) fn rest(self) -> Vec<(String, Value<'t>)> {
        let Self { text, key, entries, .. } = self;
        let entries = entries.into_iter();
        let named = entries.map(|(name, value)| {
            let name = name.into_inner();
            (name.to_string(), Value::new(text, &key, &name, value))
        });
        named.collect()
    }

    pub(super) fn refuse(&self, reason: &str) -> PriceTableError {
        PriceTableError::new(self.text, self.at, &self.key, reason)
    }

    pub(super) fn end(self) -> Result<(), PriceTableError> {
        let left = self.entries.iter().next();
        left.map_or(Ok(()), |(name, _)| {
            let key = join(&self.key, name.get_ref());
            Err(PriceTableError::new(self.text, name.span().start, &key, "there is no such key"))
        })
    }
}

/// A value with its location.
pub(super) struct Value<'t> {
    pub(super) text: &'t str,
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) value: Spanned<DeValue<'t>>,
}

impl<'t> Value<'t> {
    pub(super) fn new(text: &'t str, table: &str, name: &str, value: Spanned<DeValue<'t>>) -> Self {
        Self { text, key: join(table, name), at: value.span().start, value }
    }

    pub(super) fn must_be(&self, what: &str) -> PriceTableError {
        PriceTableError::new(self.text, self.at, &self.key, format!("it must be {what}"))
    }

    pub(super) fn table(self) -> Result<Table<'t>, PriceTableError> {
        let error = self.must_be("a table");
        match self.value.into_inner() {
            DeValue::Table(entries) => {
                Ok(Table { text: self.text, key: self.key, at: self.at, entries })
            }
            _ => Err(error),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Self>, PriceTableError> {
        let error = self.must_be("a list");
        let DeValue::Array(values) = self.value.into_inner() else { return Err(error) };
        let (text, key) = (self.text, self.key);
        let values = values.into_iter().map(|value| Self {
            text,
            key: key.clone(),
            at: value.span().start,
            value,
        });
        Ok(values.collect())
    }

    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(self.value.get_ref(), DeValue::String(own) if own == text)
    }

    pub(super) fn text(self) -> Result<String, PriceTableError> {
        match self.value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(text.to_string()),
            _ => Err(self.must_be("a string")),
        }
    }

    pub(super) fn flag(self) -> Result<bool, PriceTableError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.must_be("true or false"))
    }

    /// Percentages and bounds.
    pub(super) fn whole(self) -> Result<u64, PriceTableError> {
        let number = self.value.get_ref().as_integer().filter(|number| number.radix() == 10);
        let number = number.and_then(|number| number.as_str().parse().ok());
        number.ok_or_else(|| self.must_be("a whole number"))
    }

    /// A price, parsed from the decimal as written and not as a float.
    pub(super) fn usd(self, units: u64) -> Result<Rate, PriceTableError> {
        let decimal = match self.value.get_ref() {
            DeValue::Float(number) => Some(number.as_str()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            _ => None,
        };
        let rate = decimal.and_then(|decimal| Rate::usd(decimal.trim_start_matches('+'), units));
        rate.ok_or_else(|| self.must_be("a price in USD, such as 3 or 1.25"))
    }

    pub(super) fn date(self) -> Result<Date, PriceTableError> {
        let date = match self.value.get_ref() {
            DeValue::Datetime(date) => date.date.filter(|_| date.time.is_none()),
            _ => None,
        };
        let date = date.and_then(|date| Date::new(date.year, date.month, date.day));
        date.ok_or_else(|| self.must_be("a date, such as 2026-01-31"))
    }
}

fn join(table: &str, name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let name = if name.bytes().all(is_bare) { name.to_owned() } else { format!("{name:?}") };
    if table.is_empty() { name } else { format!("{table}.{name}") }
}
