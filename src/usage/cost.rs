//! The cost of an exchange, and its source.

use super::price::{USD, split};
use super::table::{Date, PriceTable, Prices, Pricing};
use super::tokens::{Usage, UsagePart};
use crate::usage::custom_cost::CustomCost;

/// The cost of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// In ticks: 1 USD = 10^10 ticks.
    pub ticks: u64,
    /// The source of the amount.
    pub source: CostSource,
}

/// The source of a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CostSource {
    /// Set by the client with `cf-aig-custom-cost`, or by the gateway's defaults.
    Custom,
    /// Reported by the provider in the response.
    Reported,
    /// Computed from usage and a price table.
    Table {
        /// The date of the table.
        as_of: Date,
    },
    /// The answer came from a cache and costs nothing.
    Cache,
}

impl CostSource {
    /// The name in lower case, as in `reported`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Reported => "reported",
            Self::Table { .. } => "table",
            Self::Cache => "cache",
        }
    }
}

impl Cost {
    /// In USD, for display; sums are exact in ticks only.
    #[must_use]
    pub fn usd(&self) -> f64 {
        self.ticks as f64 / USD as f64
    }
}

/// The client's cost takes precedence over the provider's, and that over the table. `None` if none of
/// them is known: no cost is better than a wrong one. `parts`: the usage of each model if there were
/// several, which adds up to `usage`.
pub(crate) fn cost(
    usage: Option<&Usage>,
    parts: &[UsagePart],
    custom: Option<CustomCost>,
    prices: &Prices,
    pricing: &Pricing<'_>,
) -> Option<Cost> {
    if let Some(custom) = custom {
        let ticks = custom_ticks(custom, usage)?;
        return Some(Cost { ticks, source: CostSource::Custom });
    }
    let usage = usage?;
    if let Some(ticks) = usage.cost_ticks {
        return Some(Cost { ticks, source: CostSource::Reported });
    }
    // The parts are only the most likely reading, which is not good enough for a bill.
    if usage.inconsistent {
        return None;
    }
    let table = prices.current();
    let ticks = match parts {
        [] => table.ticks(usage, pricing)?,
        parts => ticks_of_parts(&table, usage, parts, pricing)?,
    };
    Some(Cost { ticks, source: CostSource::Table { as_of: table.as_of() } })
}

/// Prices each part by its own model. Tools that are reported only in total are priced by the model
/// that answered.
fn ticks_of_parts(
    table: &PriceTable,
    usage: &Usage,
    parts: &[UsagePart],
    pricing: &Pricing<'_>,
) -> Option<u64> {
    let mut sum = 0_u64;
    for part in parts {
        let model = part.model.as_deref().unwrap_or(pricing.model);
        let ticks =
            table.ticks(&part.usage, &Pricing { model, serves_asked: false, ..*pricing })?;
        sum = sum.saturating_add(ticks);
    }
    let calls = |usage: &Usage| usage.tool_calls.max(usage.tools.total()).unwrap_or(0);
    let of_parts = parts.iter().map(|part| calls(&part.usage)).fold(0, u64::saturating_add);
    match (calls(usage), of_parts) {
        (0, _) => Some(sum),
        (all, 0) => {
            let (tool_calls, tools) = (Some(all), usage.tools);
            let tools = Usage { tool_calls, tools, ..Usage::default() };
            Some(sum.saturating_add(table.tool_ticks(&tools, pricing)?))
        }
        (all, of_parts) => (all == of_parts).then_some(sum),
    }
}

fn custom_ticks(custom: CustomCost, usage: Option<&Usage>) -> Option<u64> {
    let parts = match custom {
        CustomCost::Total(usd) => custom_parts(usd),
        CustomCost::PerToken { input, cached_input, cache_write, output } => {
            let usage = usage.filter(|usage| !usage.inconsistent)?;
            usage.input()?;
            let of = |tokens: Option<u64>, usd: f64| match tokens {
                None | Some(0) => 0,
                Some(tokens) => custom_parts(usd).saturating_mul(tokens.into()),
            };
            [
                (usage.input_uncached, input),
                (usage.cache_read, cached_input.unwrap_or(input)),
                (usage.cache_write, cache_write.unwrap_or(input)),
                (usage.output(), output),
            ]
            .into_iter()
            .fold(0_u128, |sum, (tokens, usd)| sum.saturating_add(of(tokens, usd)))
        }
    };
    let ticks = parts.saturating_add(CUSTOM_PARTS / 2) / CUSTOM_PARTS;
    Some(u64::try_from(ticks).unwrap_or(u64::MAX))
}

/// The fractions of a tick in which custom prices are counted.
const CUSTOM_PARTS: u128 = 10_u128.pow(CUSTOM_PLACES as u32) / USD as u128;
const CUSTOM_PLACES: i32 = 22;

/// Converts a price exactly. Printing a float gives the shortest decimal that it represents, which
/// is what the client wrote.
fn custom_parts(usd: f64) -> u128 {
    let Some((digits, exponent)) = split(&usd.to_string()) else {
        // Too large to represent.
        return u128::MAX;
    };
    let shift = exponent.saturating_add(CUSTOM_PLACES);
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    match (shift, power) {
        (0.., Some(power)) => digits.saturating_mul(power),
        (0.., None) => u128::MAX,
        (_, Some(power)) => digits / power,
        (_, None) => 0,
    }
}
