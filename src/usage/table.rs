//! [`PriceTable`]: prices by model.

mod builtin;
pub(super) mod clock;
#[cfg(feature = "prices")]
mod file;
mod find;
mod names;
mod prices;
mod same_model;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

pub(crate) use super::price::Pricing;
use super::price::{Price, ToolPrices};
use super::tokens::Usage;

pub use self::clock::Date;
#[cfg(feature = "prices")]
pub use self::file::{PriceReport, PriceSource, PriceTableError};
pub use self::find::{MatchedBy, PriceMatch};
pub use self::prices::Prices;
pub(crate) use self::same_model::is_same_model;

/// Prices by model, as of a date.
///
/// ```
/// use tower_ai_gateway::usage::{Price, PriceTable, Rate, TokenPrice};
///
/// let mut table = PriceTable::builtin();
/// // 1.25 USD for a million input tokens, 0.125 from the cache, 10 for a million output tokens.
/// table.insert("openai/my-model", Price::per_token(TokenPrice::new(12_500, 1_250, 100_000)));
/// let tokens = table.get("openai", "my-model").unwrap().tokens.unwrap();
/// assert_eq!(tokens.input, Rate::usd("1.25", 1_000_000));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    as_of: Date,
    /// By the provider's slug; an empty slug means all providers.
    tools: Vec<(Box<str>, ToolPrices)>,
    /// In the order of [`order`].
    names: Vec<Name>,
}

/// A name of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    name: Box<str>,
    is_alias: bool,
    row: Arc<Row>,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: Box<str>,
    price: Price,
}

impl PriceTable {
    /// A table without prices.
    #[must_use]
    pub fn empty(as_of: Date) -> Self {
        Self { as_of, tools: Vec::new(), names: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns true if any row is for this provider (its slug), for its kind or for all.
    pub(crate) fn prices_at(&self, provider: &str, kind: Option<&str>) -> bool {
        let is_for = |row: &str| match names::split(row) {
            Some((of, _)) => of == provider || Some(of) == kind,
            None => true,
        };
        self.names.iter().any(|name| is_for(&name.name))
    }

    /// The date of the prices.
    #[must_use]
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// The name and price of each row, in an unspecified order.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Price)> {
        let own = self.names.iter().filter(|name| !name.is_alias);
        own.map(|name| (&*name.name, &name.row.price))
    }

    /// Adds a row, named `{provider}/{model}` or `{model}`, or replaces it with its aliases.
    pub fn insert(&mut self, model: impl Into<Box<str>>, price: Price) -> Option<Price> {
        let row = Arc::new(Row { name: names::with_slug(model.into()), price });
        let at = self.position([&row.name]).filter(|at| !self.names[*at].is_alias);
        let old = at.map(|at| Arc::clone(&self.names[at].row));
        self.names.retain(|name| old.as_ref().is_none_or(|old| !Arc::ptr_eq(&name.row, old)));
        for name in Name::all_of(&row) {
            match self.names.binary_search_by(|known| order(&known.name, &[&name.name])) {
                Ok(at) if !name.is_alias => self.names[at] = name,
                // A row's own name takes precedence over an alias.
                Ok(at) if !self.names[at].is_alias => {}
                Ok(at) => self.names[at] = name,
                Err(at) => self.names.insert(at, name),
            }
        }
        old.map(|old| Arc::try_unwrap(old).map_or_else(|old| old.price.clone(), |old| old.price))
    }

    /// Sets the prices of tools at a provider (its slug); `None` means all providers without their
    /// own.
    pub fn insert_tools(&mut self, provider: Option<&str>, tools: ToolPrices) {
        let provider = provider.unwrap_or_default();
        match self.tools.iter_mut().find(|(of, _)| **of == *provider) {
            Some((_, known)) => *known = tools,
            None => self.tools.push((provider.into(), tools)),
        }
    }

    /// Creates a table of many rows faster than by [inserting](Self::insert) each. If two rows or
    /// aliases have the same name, the first one applies.
    fn of_rows(as_of: Date, rows: impl IntoIterator<Item = (Box<str>, Price)>) -> Self {
        let rows = rows.into_iter();
        let rows = rows.map(|(name, price)| Row { name: names::with_slug(name), price });
        let mut seen = HashMap::new();
        let mut names: Vec<Name> = Vec::new();
        let all = rows.flat_map(|row| Name::all_of(&Arc::new(row)));
        for name in all {
            match seen.entry(name.name.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(names.len());
                    names.push(name);
                }
                Entry::Occupied(entry) => {
                    let known = &mut names[*entry.get()];
                    if known.is_alias && !name.is_alias {
                        *known = name;
                    }
                }
            }
        }
        names.sort_by(|one, other| order(&one.name, &[&other.name]));
        Self { as_of, tools: Vec::new(), names }
    }

    /// The position of the name that these parts form.
    fn position<const PARTS: usize>(&self, name: [&str; PARTS]) -> Option<usize> {
        self.names.binary_search_by(|known| order(&known.name, &name)).ok()
    }

    /// `None` if the price of anything used is unknown.
    pub(super) fn ticks(&self, usage: &Usage, pricing: &Pricing<'_>) -> Option<u64> {
        if usage.inconsistent {
            return None;
        }
        let price = self.price_of(pricing)?;
        let has_called = usage.tools.total().is_some();
        let tools = if has_called { self.tools_of(price, pricing) } else { price.tools };
        price.ticks(usage, pricing, &tools)
    }

    /// The charge for tools only.
    pub(super) fn tool_ticks(&self, usage: &Usage, pricing: &Pricing<'_>) -> Option<u64> {
        let price = self.price_of(pricing)?;
        self.tools_of(price, pricing).ticks(usage)
    }

    fn price_of(&self, pricing: &Pricing<'_>) -> Option<&Price> {
        let find = |model| self.find_at(pricing.provider, pricing.kind, model);
        let by_asked = || pricing.asked.filter(|asked| pricing.is_of(asked)).and_then(find);
        let found = find(pricing.model).or_else(by_asked)?;
        Some(found.price.at(pricing.at))
    }

    fn tools_of(&self, price: &Price, pricing: &Pricing<'_>) -> ToolPrices {
        let of = |slug: &str| self.tools.iter().find(|(of, _)| **of == *slug);
        let mut tools = price.tools;
        let all = [of(pricing.provider), pricing.kind.and_then(of), of("")];
        for (_, weaker) in all.into_iter().flatten() {
            tools = tools.or(weaker);
        }
        tools
    }
}

impl Name {
    /// The row's own name and its aliases at the same provider.
    fn all_of(row: &Arc<Row>) -> Vec<Self> {
        let own = Self { name: row.name.clone(), is_alias: false, row: Arc::clone(row) };
        let provider = names::split(&row.name).map(|(provider, _)| provider);
        let alias = |alias: &str| {
            let name = match provider {
                Some(provider) => format!("{provider}/{alias}").into(),
                None => alias.into(),
            };
            Self { name, is_alias: true, row: Arc::clone(row) }
        };
        std::iter::once(own).chain(row.price.aliases.iter().map(|name| alias(name))).collect()
    }
}

/// Compares `row` with a name in parts without joining them: by length, which nearly always
/// decides, then by bytes.
fn order(row: &str, name: &[&str]) -> Ordering {
    let length = name.iter().map(|part| part.len()).sum();
    row.len().cmp(&length).then_with(|| {
        let mut rest = row.as_bytes();
        let parts = name.iter().map(|part| {
            let (head, behind) = rest.split_at(part.len());
            rest = behind;
            head.cmp(part.as_bytes())
        });
        parts.fold(Ordering::Equal, Ordering::then)
    })
}
