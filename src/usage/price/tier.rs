//! The price of a tier or a speed.

use super::{LongContext, TokenPrice};

/// The price of a tier (`flex`, `priority`, `batch`, …) or a speed (`fast`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tier {
    /// The name in responses. Case is ignored.
    pub name: Box<str>,
    /// The price.
    pub price: TierPrice,
}

/// The price of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TierPrice {
    /// A percentage of the token prices.
    #[non_exhaustive]
    Percent {
        /// The percentage for all tokens except those from the cache.
        tokens: u64,
        /// The percentage for tokens from the cache.
        cached: u64,
    },
    /// Its own prices.
    #[non_exhaustive]
    Own {
        /// The price per token.
        tokens: TokenPrice,
        /// The prices per token of requests with long inputs.
        long_context: Vec<LongContext>,
    },
}

impl Tier {
    /// A tier at `percent` of the token prices.
    #[must_use]
    pub fn percent(name: impl Into<Box<str>>, percent: u64) -> Self {
        Self { name: name.into(), price: TierPrice::Percent { tokens: percent, cached: percent } }
    }

    /// Its own prices.
    #[must_use]
    pub fn own(
        name: impl Into<Box<str>>,
        tokens: TokenPrice,
        long_context: Vec<LongContext>,
    ) -> Self {
        Self { name: name.into(), price: TierPrice::Own { tokens, long_context } }
    }

    /// Sets another percentage for tokens from the cache. Has no effect on a tier with its own
    /// prices.
    #[must_use]
    pub fn cached_percent(mut self, percent: u64) -> Self {
        if let TierPrice::Percent { cached, .. } = &mut self.price {
            *cached = percent;
        }
        self
    }
}
