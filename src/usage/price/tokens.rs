//! The price per token, and per token of requests with long inputs.

use super::Rate;
use crate::util::macros::setters;

/// The price per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenPrice {
    /// Per uncached input token.
    pub input: Option<Rate>,
    /// Per input token that came from the provider's cache.
    pub cached_input: Option<Rate>,
    /// Per input token written to the cache with the usual lifetime.
    pub cache_write: Option<Rate>,
    /// Per input token written to the cache with the longer lifetime (1 hour, or 12 hours).
    pub long_cache_write: Option<Rate>,
    /// Per output token.
    pub output: Option<Rate>,
    /// Per output token of reasoning. Default: `output`.
    pub reasoning: Option<Rate>,
    /// Per input token of audio.
    pub audio_input: Option<Rate>,
    /// Per cached input token of audio. If this differs from `cached_input`, a response with both
    /// audio and cached tokens has no price, because it does not say which are cached.
    pub cached_audio_input: Option<Rate>,
    /// Per output token of audio.
    pub audio_output: Option<Rate>,
    /// Per input token of images. Default: `input`.
    pub image_input: Option<Rate>,
    /// Per cached input token of images, like `cached_audio_input`.
    pub cached_image_input: Option<Rate>,
    /// Per output token of images.
    pub image_output: Option<Rate>,
}

impl TokenPrice {
    /// Creates prices in ticks per token: 12,500 is 1.25 USD per million tokens.
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
    /// Sets the prices per token written to the cache, with the usual and the longer lifetime.
    pub fn cache_writes(self, usual: Rate, long: Option<Rate>) =>
        (self.cache_write, self.long_cache_write) = (Some(usual), long);

    /// Sets the prices per token of audio.
    pub fn audio(self, input: Rate, output: Option<Rate>) =>
        (self.audio_input, self.audio_output) = (Some(input), output);

    /// Sets the prices per token of images.
    pub fn images(self, input: Option<Rate>, output: Rate) =>
        (self.image_input, self.image_output) = (input, Some(output));
}}

/// The price of all tokens of requests with long inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongContext {
    /// The minimum number of input tokens, including cached ones.
    pub from: u64,
    /// The price per token.
    pub tokens: TokenPrice,
}

impl LongContext {
    /// Applies from `from` input tokens on.
    #[must_use]
    pub fn new(from: u64, tokens: TokenPrice) -> Self {
        Self { from, tokens }
    }

    /// Applies to more than `bound` input tokens.
    #[must_use]
    pub fn above(bound: u64, tokens: TokenPrice) -> Self {
        Self { from: bound.saturating_add(1), tokens }
    }
}
