//! Finds the row of a model: by its name, an alias or a snapshot.

use super::{Name, PriceTable, names};
use crate::usage::price::Price;

/// The row with the price of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceMatch<'a> {
    /// The row's name.
    pub row: &'a str,
    /// Its price.
    pub price: &'a Price,
    /// How the model's name matched.
    pub by: MatchedBy,
}

/// How a model's name matched a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatchedBy {
    /// It is the row's name.
    Name,
    /// It is one of the row's aliases.
    Alias,
    /// It is a dated name of the row's model.
    Snapshot,
}

impl PriceTable {
    /// The price of `model` at `provider` (its slug), as [`find`](Self::find) finds it.
    #[must_use]
    pub fn get(&self, provider: &str, model: &str) -> Option<&Price> {
        self.find(provider, model).map(|found| found.price)
    }

    /// The row of `model` at `provider` (its slug): `{provider}/{model}`, or else `{model}`, which
    /// applies to all providers, or else a row with this alias, or with
    /// [snapshots](Price#structfield.snapshots) that include this name.
    ///
    /// A row name that starts with the slug of a built-in provider or with `custom-` applies to
    /// that provider only: `openai/gpt-5` at OpenRouter is `openrouter/openai/gpt-5`.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<PriceMatch<'_>> {
        self.named(provider, model).or_else(|| self.snapshot(provider, model))
    }

    /// Like [`find`](Self::find), for a provider of this kind: if it has no row of its own, the rows of
    /// the kind apply.
    pub(crate) fn find_at(
        &self,
        provider: &str,
        kind: Option<&str>,
        model: &str,
    ) -> Option<PriceMatch<'_>> {
        let own = self.find(provider, model);
        let is_own = |found: &PriceMatch<'_>| {
            let behind = found.row.strip_prefix(provider);
            behind.is_some_and(|behind| behind.starts_with('/'))
        };
        match kind.filter(|kind| *kind != provider) {
            Some(kind) if !own.as_ref().is_some_and(is_own) => self.find(kind, model),
            _ => own,
        }
    }

    /// Returns true if both names have the same row, and one of them is its own or an alias.
    pub(crate) fn has_one_row(&self, provider: &str, kind: Option<&str>, names: [&str; 2]) -> bool {
        let [Some(one), Some(other)] = names.map(|name| self.find_at(provider, kind, name)) else {
            return false;
        };
        let is_dated = |found: PriceMatch<'_>| found.by == MatchedBy::Snapshot;
        one.row == other.row && !(is_dated(one) && is_dated(other))
    }

    fn named(&self, provider: &str, model: &str) -> Option<PriceMatch<'_>> {
        let own = self.position([provider, "/", model]);
        let of_all = || if names::names_provider(model) { None } else { self.position([model]) };
        let Name { is_alias, row, .. } = &self.names[own.or_else(of_all)?];
        let by = if *is_alias { MatchedBy::Alias } else { MatchedBy::Name };
        Some(PriceMatch { row: &row.name, price: &row.price, by })
    }

    fn snapshot(&self, provider: &str, model: &str) -> Option<PriceMatch<'_>> {
        let found = |model| {
            let found = self.named(provider, model).filter(|found| found.price.snapshots)?;
            Some(PriceMatch { by: MatchedBy::Snapshot, ..found })
        };
        let anywhere = |model| names::without_region(model).and_then(found);
        let mut shorter = std::iter::successors(names::shorter(model), |name| names::shorter(name));
        anywhere(model).or_else(|| shorter.find_map(|name| found(name).or_else(|| anywhere(name))))
    }
}
