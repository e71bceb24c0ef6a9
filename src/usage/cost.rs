//! What an exchange costs, and who says so.

use super::price::USD;
use super::table::{Date, Prices, Pricing};
use super::tokens::{Usage, UsagePart};
use crate::directives::CustomCost;

/// The cost of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// In ticks: 1 USD = 10^10 ticks.
    pub ticks: u64,
    /// Where the amount comes from.
    pub source: CostSource,
}

/// Where a cost comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CostSource {
    /// The client said so, in `cf-aig-custom-cost`.
    Custom,
    /// The provider said so, in the response.
    Reported,
    /// From tokens and a price table.
    Table {
        /// The day of the table.
        as_of: Date,
    },
}

impl CostSource {
    /// The name in lower case, as in `reported`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Reported => "reported",
            Self::Table { .. } => "table",
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

/// The client's cost goes over the provider's, and that over the table. `None` where none of them
/// is known: no cost is better than a wrong one. `parts`: where several models have worked, what
/// each has used, all of `usage` together.
pub(crate) fn cost(
    usage: Option<&Usage>,
    parts: &[UsagePart],
    custom: Option<CustomCost>,
    prices: &Prices,
    pricing: &Pricing<'_>,
) -> Option<Cost> {
    if let Some(custom) = custom {
        let usd = custom_usd(custom, usage)?;
        // Casts of floats saturate.
        let ticks = (usd * USD as f64).round() as u64;
        return Some(Cost { ticks, source: CostSource::Custom });
    }
    let usage = usage?;
    if let Some(ticks) = usage.cost_ticks {
        return Some(Cost { ticks, source: CostSource::Reported });
    }
    let table = prices.current();
    let ticks = match parts {
        [] => table.ticks(usage, pricing)?,
        parts => parts.iter().try_fold(0_u64, |sum, part| {
            let model = part.model.as_deref().unwrap_or(pricing.model);
            let ticks = table.ticks(&part.usage, &Pricing { model, ..*pricing })?;
            Some(sum.saturating_add(ticks))
        })?,
    };
    Some(Cost { ticks, source: CostSource::Table { as_of: table.as_of() } })
}

fn custom_usd(custom: CustomCost, usage: Option<&Usage>) -> Option<f64> {
    match custom {
        CustomCost::Total(usd) => Some(usd),
        CustomCost::PerToken { input, cached_input, output } => {
            let usage = usage?;
            let prompt = usage.input()?;
            let cached = usage.cache_read.unwrap_or(0);
            let fresh = prompt.saturating_sub(cached);
            Some(
                fresh as f64 * input
                    + cached as f64 * cached_input.unwrap_or(input)
                    + usage.output().unwrap_or(0) as f64 * output,
            )
        }
    }
}
