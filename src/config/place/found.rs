//! Finds the key at an offset, in the text parsed as a tree.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeValue};

use crate::provider::Provider;

/// The key at a location.
#[derive(Clone, Default)]
pub(super) struct Found {
    /// The full key: `gateways.team.keys.grok`.
    pub(super) key: String,
    /// Its last part, or that of the list that contains it.
    pub(super) name: String,
    /// Its offset in bytes.
    pub(super) at: usize,
    /// The key of the dynamic route that contains it.
    pub(super) route: Option<String>,
}

impl Found {
    fn part(&self, name: &Spanned<DeString<'_>>) -> Self {
        let dot = if self.key.is_empty() { "" } else { "." };
        let key = format!("{}{dot}{name}", self.key);
        Self { key, name: name.to_string(), at: name.span().start, route: None }
    }

    /// Finds the innermost part of `value` at `span`, and follows `below` from there.
    pub(super) fn find(
        &self,
        value: &Spanned<DeValue<'_>>,
        span: &Range<usize>,
        below: &[String],
    ) -> Option<Self> {
        let inner = match value.get_ref() {
            DeValue::Table(entries) => entries.iter().find_map(|(name, value)| {
                let part = self.part(name);
                // The span may also be that of a name.
                let is_it = name.span() == *span;
                if is_it { Some(part.descend(value, below)) } else { part.find(value, span, below) }
            }),
            DeValue::Array(elements) => elements.iter().enumerate().find_map(|(index, value)| {
                let key = format!("{}[{index}]", self.key);
                let element = Self { key, at: value.span().start, ..self.clone() };
                element.find(value, span, below).map(|found| found.called(&element, self, value))
            }),
            _ => None,
        };
        inner.or_else(|| (value.span() == *span).then(|| self.clone().descend(value, below)))
    }

    fn descend(self, value: &Spanned<DeValue<'_>>, below: &[String]) -> Self {
        let Some((name, rest)) = below.split_first() else { return self };
        let entry = value.get_ref().as_table().and_then(|table| table.get_key_value(&**name));
        entry.map_or(self.clone(), |(name, value)| self.part(name).descend(value, rest))
    }

    /// Refers to routes, and to keys of built-in providers, by name instead of index, unless the error
    /// concerns that name. Any other name of a provider may be the key itself.
    fn called(self, element: &Self, list: &Self, value: &Spanned<DeValue<'_>>) -> Self {
        let by = match &*list.name {
            "keys" => "provider",
            "routes" => "name",
            _ => return self,
        };
        let rest = self.key.strip_prefix(&element.key).unwrap_or_default();
        let name = value.get_ref().get(by).and_then(|name| name.get_ref().as_str());
        let is_known =
            |name: &&str| by == "name" || Provider::all().iter().any(|one| one.answers_to(name));
        let called = match name.filter(is_known).filter(|_| rest != ".provider") {
            Some(name) => format!("{}.{name}", list.key),
            None => element.key.clone(),
        };
        let route = (by == "name").then(|| called.clone());
        Self { key: format!("{called}{rest}"), route, ..self }
    }
}
