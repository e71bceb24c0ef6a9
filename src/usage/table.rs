//! The price table: dated, and the host's to change while it runs.

mod toml;

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::billing::segment_behind;
use super::price::{Price, ToolPrices};
use super::tokens::Usage;
use crate::route::Operation;

const BUILTIN: &str = include_str!("prices.toml");

/// A day of the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Date {
    /// As in 2026.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// `None` where there is no such day in any year.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=12).contains(&month) && (1..=31).contains(&day);
        exists.then_some(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Prices by model, as of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    as_of: Date,
    priority_percent: u64,
    tools: ToolPrices,
    /// In the order of [`order`].
    models: Vec<(Box<str>, Price)>,
}

/// A price table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTableError {
    line: usize,
    reason: &'static str,
}

impl fmt::Display for PriceTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "price table, line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for PriceTableError {}

/// What decides upon a price beside the usage.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "prices by region, speed, image and hour are being added")]
pub(crate) struct Pricing<'a> {
    /// The slug of the provider.
    pub(crate) provider: &'a str,
    /// The model that the response names, or where it names none, the request.
    pub(crate) model: &'a str,
    pub(crate) operation: Operation,
    /// Behind the provider's slug, without a query.
    pub(crate) path: &'a str,
    /// The tier that the response names: what was asked for may not have been granted.
    pub(crate) service_tier: Option<&'a str>,
    /// The host that served the request.
    pub(crate) host: &'a str,
    /// The region that the response names (`inference_geo` of Messages).
    pub(crate) region: Option<&'a str>,
    /// The speed that the response names (`speed` of Messages).
    pub(crate) speed: Option<&'a str>,
    /// Of the images, as the response names them: `1024x1024`, …
    pub(crate) image_size: Option<&'a str>,
    /// … and `high`.
    pub(crate) image_quality: Option<&'a str>,
    /// When the request came, for prices that change with the hour.
    pub(crate) at: SystemTime,
    /// The request was one of a batch.
    pub(crate) batch: bool,
}

impl PriceTable {
    /// A table without prices.
    #[must_use]
    pub fn empty(as_of: Date) -> Self {
        Self { as_of, priority_percent: 100, tools: ToolPrices::default(), models: Vec::new() }
    }

    /// xAI's list prices on the day that [`as_of`](Self::as_of) gives.
    #[must_use]
    pub fn builtin() -> Self {
        // Cannot fail, as a test proves.
        Self::from_toml(BUILTIN).unwrap_or_else(|_| Self::empty(Date::default()))
    }

    /// Reads a table such as the crate's own `prices.toml`, with its keys and in plain TOML: one
    /// `key = value` a line, of numbers, basic strings without escapes, and one date.
    ///
    /// # Errors
    ///
    /// Names the line that cannot be read.
    pub fn from_toml(text: &str) -> Result<Self, PriceTableError> {
        toml::read(text)
    }

    /// The day of the prices.
    #[must_use]
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// The price of `model` at `provider` (its slug): of the row `{provider}/{model}`, or else of
    /// the row `{model}`, which holds for all providers.
    ///
    /// `{model}-latest` is the same as `{model}`; other names must be the row's own.
    #[must_use]
    pub fn get(&self, provider: &str, model: &str) -> Option<&Price> {
        let row = |model: &str| {
            let own = self.find([provider, "/", model]);
            own.or_else(|| self.find([model])).map(|at| &self.models[at].1)
        };
        row(model).or_else(|| row(model.strip_suffix("-latest")?))
    }

    /// Adds a row, named `{provider}/{model}` or `{model}`, or replaces it.
    pub fn insert(&mut self, model: impl Into<Box<str>>, price: Price) -> Option<Price> {
        let model = model.into();
        match self.models.binary_search_by(|(name, _)| order(name, &[&model])) {
            Ok(at) => Some(std::mem::replace(&mut self.models[at].1, price)),
            Err(at) => {
                self.models.insert(at, (model, price));
                None
            }
        }
    }

    /// Where the row is whose name these parts make up.
    fn find<const PARTS: usize>(&self, name: [&str; PARTS]) -> Option<usize> {
        self.models.binary_search_by(|(row, _)| order(row, &name)).ok()
    }

    /// `None` where anything that was used has no known price.
    pub(super) fn ticks(&self, usage: &Usage, pricing: &Pricing<'_>) -> Option<u64> {
        let price = self.get(pricing.provider, pricing.model)?;
        // An edit pays for the images that it is given, too, and nobody says how many they are.
        if pricing.operation == Operation::Images
            && segment_behind(pricing.path, "images") == Some("edits")
        {
            return None;
        }
        if let (Operation::Images, Some(image)) = (pricing.operation, price.image) {
            return Some(image.saturating_mul(usage.images?));
        }
        let has_output = pricing.operation != Operation::Embeddings;
        let ticks = price.of_tokens(usage, has_output)?;
        let ticks = self
            .percents(price, pricing)
            .fold(ticks, |ticks, percent| ticks.saturating_mul(u128::from(percent)));
        // Three percentages, rounded once and to the nearest tick.
        let ticks = ticks.saturating_add(500_000) / 1_000_000;
        let ticks = ticks.saturating_add(self.tools.of(usage)?);
        Some(u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    /// Multipliers of the token prices. They hold together.
    fn percents(&self, price: &Price, pricing: &Pricing<'_>) -> impl Iterator<Item = u64> {
        let has_tiers = matches!(pricing.operation, Operation::Chat | Operation::Responses);
        let is_priority = has_tiers && pricing.service_tier == Some("priority");
        let regional = price.regional.as_ref();
        let regional = regional.filter(|regional| regional.host.eq_ignore_ascii_case(pricing.host));
        let batch = price.batch_percent.filter(|_| pricing.batch);
        [
            if is_priority { self.priority_percent } else { 100 },
            regional.map_or(100, |regional| regional.percent),
            batch.unwrap_or(100),
        ]
        .into_iter()
    }
}

/// How `row` stands to a name that is not put together for it: by their lengths, which settle it
/// nearly always, then by their bytes.
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

/// A handle to the price table in use; its clones share the table.
///
/// A reader takes the table once per exchange, so a change holds for the exchanges that end later.
#[derive(Clone, Debug)]
pub struct Prices {
    table: Arc<RwLock<Arc<PriceTable>>>,
}

impl Default for Prices {
    fn default() -> Self {
        Self::new(PriceTable::builtin())
    }
}

impl Prices {
    /// Begins with `table`.
    #[must_use]
    pub fn new(table: PriceTable) -> Self {
        Self { table: Arc::new(RwLock::new(Arc::new(table))) }
    }

    /// The table in use.
    #[must_use]
    pub fn current(&self) -> Arc<PriceTable> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another table in use.
    pub fn replace(&self, table: PriceTable) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Adds or replaces one row of the table in use.
    pub fn insert(&self, model: impl Into<Box<str>>, price: Price) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut table).insert(model, price);
    }
}
