//! The price of a model.

mod charge;
mod pricing;
mod rate;
mod schedule;
mod tier;
mod tokens;
mod tools;

use super::table::Date;
use crate::util::macros::setters;

pub(crate) use self::pricing::Pricing;
pub use self::rate::Rate;
pub(super) use self::rate::{PARTS, USD, split};
pub use self::schedule::{Hours, OffPeak};
pub use self::tier::{Tier, TierPrice};
pub use self::tokens::{LongContext, TokenPrice};
pub use self::tools::ToolPrices;

/// The price of a model. If a response used anything with an unknown price, its cost is unknown.
///
/// Percentages apply to the prices per token, multiply each other, and are applied before the sum
/// is rounded once. If one applies, units other than tokens have no price.
///
/// ```
/// use tower_ai_gateway::usage::{Date, Price, TokenPrice};
///
/// let now = Price::per_token(TokenPrice::new(20_000, 5_000, 100_000));
/// let then = Price::per_token(TokenPrice::new(10_000, 2_500, 50_000));
/// let price = now.snapshots(true).from_day(Date::new(2027, 1, 1).unwrap(), then);
/// assert_eq!(price.changes.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// The price per token.
    pub tokens: Option<TokenPrice>,
    /// Prices per token of requests with long inputs. The last one whose bound is reached applies.
    pub long_context: Vec<LongContext>,
    /// Prices of other tiers and speeds, as named in the response. A tier that is not listed and is
    /// not `default`, `standard` or `on_demand` has no price.
    pub tiers: Vec<Tier>,
    /// Prices at other hosts or in other regions.
    pub regional: Vec<Regional>,
    /// The price at other hours.
    pub off_peak: Option<OffPeak>,
    /// The price per generated image of any size and quality, or per embedded image that has no
    /// tokens (Cohere). Does not apply to edits.
    pub image: Option<Rate>,
    /// Prices per generated image by size and quality. They take precedence over `image`.
    pub images: Vec<ImagePrice>,
    /// The price per second of audio or video. It is in addition to tokens, unless the tokens are those
    /// of the audio.
    pub second: Option<Rate>,
    /// The price per character of text.
    pub character: Option<Rate>,
    /// The price per page.
    pub page: Option<Rate>,
    /// The price per search of a reranker.
    pub search_unit: Option<Rate>,
    /// The price per token of citations (Perplexity). Zero for a model that reports them and does not
    /// bill them.
    pub citation: Option<Rate>,
    /// The price per request, in addition to everything else.
    pub request: Option<Rate>,
    /// Prices per tool call. Missing ones are looked up among those of the provider.
    pub tools: ToolPrices,
    /// Other names of the model at the same provider.
    pub aliases: Vec<Box<str>>,
    /// Whether dated names of the model also have this price: `{model}-2024-11-20`,
    /// `{model}-20241120`, `{model}@20241120`, `{model}-v1:0`, `{model}-latest`, `models/{model}`,
    /// `us.{model}`.
    pub snapshots: bool,
    /// Later prices by their first day in UTC. The last one that has started applies.
    pub changes: Vec<Change>,
}

/// The price at one of the provider's hosts or in one of its regions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Regional {
    /// The host's name, as in `us.api.x.ai`, or the region's name in responses, as in `us`.
    pub host: Box<str>,
    /// The percentage of the token prices; `None` if it is unknown.
    pub percent: Option<u64>,
}

impl Regional {
    /// `percent` of the token prices at `host`.
    #[must_use]
    pub fn new(host: impl Into<Box<str>>, percent: u64) -> Self {
        Self { host: host.into(), percent: Some(percent) }
    }

    /// An unknown price at `host`.
    #[must_use]
    pub fn unknown(host: impl Into<Box<str>>) -> Self {
        Self { host: host.into(), percent: None }
    }
}

/// The price of a generated image of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImagePrice {
    /// The size, as in `1024x1024`; `None` for all sizes.
    pub size: Option<Box<str>>,
    /// The quality, as in `high`; `None` for all qualities.
    pub quality: Option<Box<str>>,
    /// The price per image.
    pub price: Rate,
}

impl ImagePrice {
    /// The price of images with this size and quality; `None` means all.
    #[must_use]
    pub fn new(size: Option<&str>, quality: Option<&str>, price: Rate) -> Self {
        Self { size: size.map(Box::from), quality: quality.map(Box::from), price }
    }
}

/// A price that applies from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its first day, in UTC.
    pub from: Date,
    /// The price. Its own names and changes are ignored.
    pub price: Price,
}

impl Price {
    /// The price per token.
    #[must_use]
    pub fn per_token(tokens: TokenPrice) -> Self {
        Self { tokens: Some(tokens), ..Self::default() }
    }

    /// A price per image, in ticks. It does not apply to edits of images.
    #[must_use]
    pub fn per_image(ticks: u64) -> Self {
        Self { image: Some(Rate::ticks(ticks)), ..Self::default() }
    }

    /// Adds a price per token of requests with long inputs.
    #[must_use]
    pub fn long_context(mut self, step: LongContext) -> Self {
        let at = self.long_context.partition_point(|known| known.from <= step.from);
        self.long_context.insert(at, step);
        self
    }

    /// Adds a price that applies from a day on.
    #[must_use]
    pub fn from_day(mut self, from: Date, price: Price) -> Self {
        let at = self.changes.partition_point(|known| known.from <= from);
        self.changes.insert(at, Change { from, price });
        self
    }
}

setters! { impl Price {
    /// Adds the price of a tier.
    pub fn tier(self, tier: Tier) => self.tiers.push(tier);

    /// Adds the price in a region.
    pub fn regional(self, regional: Regional) => self.regional.push(regional);

    /// Sets the price at other hours.
    pub fn off_peak(self, off_peak: OffPeak) => self.off_peak = Some(off_peak);

    /// Sets the prices of tools.
    pub fn tools(self, tools: ToolPrices) => self.tools = tools;

    /// Adds another name of the model at the same provider.
    pub fn alias(self, name: impl Into<Box<str>>) => self.aliases.push(name.into());

    /// Whether [dated names](Self#structfield.snapshots) also have this price. Default: `false`.
    pub fn snapshots(self, yes: bool) => self.snapshots = yes;
}}
