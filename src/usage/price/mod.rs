//! What a model costs.

mod charge;
mod rate;
mod schedule;
mod tools;

use super::table::Date;
use crate::util::macros::setters;

pub(crate) use self::charge::Pricing;
pub use self::rate::Rate;
pub(super) use self::rate::{PARTS, USD, split};
pub use self::schedule::{Hours, OffPeak};
pub use self::tools::ToolPrices;

/// What a model costs. What is not known has no price, and neither has a response that used it.
///
/// Percentages are of the prices per token, hold together, and are applied before the sum is rounded,
/// once. What is not paid per token has no price where one of them applies.
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
    /// Per token.
    pub tokens: Option<TokenPrice>,
    /// Per token of requests with long inputs: the last one holds whose bound is reached.
    pub long_context: Vec<LongContext>,
    /// Where the response names another tier or speed than the usual one. A tier that is named neither
    /// here nor `default`, `standard` or `on_demand` has no price.
    pub tiers: Vec<Tier>,
    /// At other hosts, or in other regions.
    pub regional: Vec<Regional>,
    /// At other hours.
    pub off_peak: Option<OffPeak>,
    /// Per generated image, of any size and quality; edits have no such price.
    pub image: Option<Rate>,
    /// Per generated image of a size and quality. They go over `image`.
    pub images: Vec<ImagePrice>,
    /// Per second of audio or video.
    pub second: Option<Rate>,
    /// Per character of text.
    pub character: Option<Rate>,
    /// Per page.
    pub page: Option<Rate>,
    /// Per search of a reranker.
    pub search_unit: Option<Rate>,
    /// Per request, beside all else.
    pub request: Option<Rate>,
    /// Per call of a tool. What is not known here is looked up among those of the provider.
    pub tools: ToolPrices,
    /// Other names of the model at the same provider.
    pub aliases: Vec<Box<str>>,
    /// Dated names of the model have this price, too: `{model}-2024-11-20`, `{model}-20241120`,
    /// `{model}@20241120`, `{model}-v1:0`, `{model}-latest`, `models/{model}`, `us.{model}`.
    pub snapshots: bool,
    /// From a day on (in UTC), another price: the last one holds that has begun.
    pub changes: Vec<Change>,
}

/// What tokens cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenPrice {
    /// Per input token that came from no cache.
    pub input: Option<Rate>,
    /// Per input token that came from the provider's cache.
    pub cached_input: Option<Rate>,
    /// Per input token that was written to the cache, for the usual time.
    pub cache_write: Option<Rate>,
    /// Per input token that was written to the cache, for the longer time (an hour, or twelve).
    pub long_cache_write: Option<Rate>,
    /// Per output token.
    pub output: Option<Rate>,
    /// Per output token of reasoning; `output` where it is not given.
    pub reasoning: Option<Rate>,
    /// Per input token of audio.
    pub audio_input: Option<Rate>,
    /// The same from the cache; where it differs from `cached_input`, a response that has both audio
    /// and cached tokens has no price, for it does not say which are cached.
    pub cached_audio_input: Option<Rate>,
    /// Per output token of audio.
    pub audio_output: Option<Rate>,
    /// Per input token of images; `input` where it is not given.
    pub image_input: Option<Rate>,
    /// As `cached_audio_input`.
    pub cached_image_input: Option<Rate>,
    /// Per output token of images.
    pub image_output: Option<Rate>,
}

impl TokenPrice {
    /// From ticks per token; at 12,500 a million tokens cost 1.25 USD.
    #[must_use]
    pub fn new(input: u64, cached_input: u64, output: u64) -> Self {
        Self {
            input: Some(Rate::ticks(input)),
            cached_input: Some(Rate::ticks(cached_input)),
            output: Some(Rate::ticks(output)),
            ..Self::default()
        }
    }
}

setters! { impl TokenPrice {
    /// Per token that was written to the cache: for the usual, and for the longer time.
    pub fn cache_writes(self, usual: Rate, long: Option<Rate>) =>
        (self.cache_write, self.long_cache_write) = (Some(usual), long);

    /// Per token of audio.
    pub fn audio(self, input: Rate, output: Option<Rate>) =>
        (self.audio_input, self.audio_output) = (Some(input), output);

    /// Per token of images.
    pub fn images(self, input: Option<Rate>, output: Rate) =>
        (self.image_input, self.image_output) = (input, Some(output));
}}

/// The price of requests with long inputs: of all their tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongContext {
    /// The least number of input tokens, cached ones included, that is long.
    pub from: u64,
    /// Per token.
    pub tokens: TokenPrice,
}

impl LongContext {
    /// Holds from `from` input tokens on.
    #[must_use]
    pub fn new(from: u64, tokens: TokenPrice) -> Self {
        Self { from, tokens }
    }

    /// Holds for more than `bound` input tokens.
    #[must_use]
    pub fn above(bound: u64, tokens: TokenPrice) -> Self {
        Self { from: bound.saturating_add(1), tokens }
    }
}

/// The price of a tier (`flex`, `priority`, `batch`, …) or a speed (`fast`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tier {
    /// As the response names it, in any case.
    pub name: Box<str>,
    /// What it costs.
    pub price: TierPrice,
}

/// What a tier costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TierPrice {
    /// In percent of the token prices.
    #[non_exhaustive]
    Percent {
        /// Of all tokens but those from the cache.
        tokens: u64,
        /// Of the tokens from the cache.
        cached: u64,
    },
    /// Prices of its own.
    #[non_exhaustive]
    Own {
        /// Per token.
        tokens: TokenPrice,
        /// Per token of requests with long inputs.
        long_context: Vec<LongContext>,
    },
}

impl Tier {
    /// `percent` of the token prices.
    #[must_use]
    pub fn percent(name: impl Into<Box<str>>, percent: u64) -> Self {
        Self { name: name.into(), price: TierPrice::Percent { tokens: percent, cached: percent } }
    }

    /// Prices of its own.
    #[must_use]
    pub fn own(
        name: impl Into<Box<str>>,
        tokens: TokenPrice,
        long_context: Vec<LongContext>,
    ) -> Self {
        Self { name: name.into(), price: TierPrice::Own { tokens, long_context } }
    }

    /// With another percentage for tokens from the cache; nothing changes for a tier of own prices.
    #[must_use]
    pub fn cached_percent(mut self, percent: u64) -> Self {
        if let TierPrice::Percent { cached, .. } = &mut self.price {
            *cached = percent;
        }
        self
    }
}

/// The price at one of the provider's hosts, or in one of its regions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Regional {
    /// The host's name, as in `us.api.x.ai`, or the region's as the response has it, as in `us`.
    pub host: Box<str>,
    /// What it costs there, in percent of the token prices; `None` where that is not known.
    pub percent: Option<u64>,
}

impl Regional {
    /// At `host`, `percent` of the token prices.
    #[must_use]
    pub fn new(host: impl Into<Box<str>>, percent: u64) -> Self {
        Self { host: host.into(), percent: Some(percent) }
    }

    /// At `host` there is another price, which is not known.
    #[must_use]
    pub fn unknown(host: impl Into<Box<str>>) -> Self {
        Self { host: host.into(), percent: None }
    }
}

/// The price of a generated image of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImagePrice {
    /// As in `1024x1024`; `None` for all sizes.
    pub size: Option<Box<str>>,
    /// As in `high`; `None` for all qualities.
    pub quality: Option<Box<str>>,
    /// Per image.
    pub price: Rate,
}

impl ImagePrice {
    /// Of images of this size and quality; `None` for all.
    #[must_use]
    pub fn new(size: Option<&str>, quality: Option<&str>, price: Rate) -> Self {
        Self { size: size.map(Box::from), quality: quality.map(Box::from), price }
    }
}

/// Another price from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its first day, in UTC.
    pub from: Date,
    /// The price. Its own names and changes mean nothing.
    pub price: Price,
}

impl Price {
    /// Per token.
    #[must_use]
    pub fn per_token(tokens: TokenPrice) -> Self {
        Self { tokens: Some(tokens), ..Self::default() }
    }

    /// Per image, in ticks. Edits of images have no cost from such a price.
    #[must_use]
    pub fn per_image(ticks: u64) -> Self {
        Self { image: Some(Rate::ticks(ticks)), ..Self::default() }
    }

    /// With another price per token of requests with long inputs.
    #[must_use]
    pub fn long_context(mut self, step: LongContext) -> Self {
        let at = self.long_context.partition_point(|known| known.from <= step.from);
        self.long_context.insert(at, step);
        self
    }
}

setters! { impl Price {
    /// With another price in a tier.
    pub fn tier(self, tier: Tier) => self.tiers.push(tier);

    /// With another price in a region.
    pub fn regional(self, regional: Regional) => self.regional.push(regional);

    /// With another price at some hours.
    pub fn off_peak(self, off_peak: OffPeak) => self.off_peak = Some(off_peak);

    /// With prices of tools.
    pub fn tools(self, tools: ToolPrices) => self.tools = tools;

    /// Under another name at the same provider, too.
    pub fn alias(self, name: impl Into<Box<str>>) => self.aliases.push(name.into());

    /// Whether [dated names](Self#structfield.snapshots) have this price, too. Default: no.
    pub fn snapshots(self, yes: bool) => self.snapshots = yes;
}}

impl Price {
    /// With another price from a day on.
    #[must_use]
    pub fn from_day(mut self, from: Date, price: Price) -> Self {
        let at = self.changes.partition_point(|known| known.from <= from);
        self.changes.insert(at, Change { from, price });
        self
    }
}
