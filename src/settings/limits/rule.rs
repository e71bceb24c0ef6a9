//! One rule.

use std::fmt;
use std::sync::Arc;

use http::Extensions;

use super::Window;
use crate::directives::pattern::Pattern;

/// A limit of what may be used per time.
#[derive(Clone)]
pub struct LimitRule {
    pub(crate) name: Box<str>,
    pub(crate) measure: Measure,
    /// How much, in the measure's unit.
    pub(crate) amount: u64,
    pub(crate) window: Window,
    pub(crate) by: Vec<CountBy>,
    pub(crate) only: RuleFilter,
    /// Counts and reports, and never refuses.
    pub(crate) is_shadow: bool,
    pub(crate) on_exceeded: OnExceeded,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) on_unknown_price: OnUnknownPrice,
}

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Measure {
    /// Requests that were sent to a provider; retries and fallbacks of one are not counted again.
    Requests,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Both.
    Tokens,
    /// Money, in ticks: 1 USD = 10^10 ticks.
    Cost,
}

/// Which requests of a rule count together. Those of one gateway and rule never count with others'.
#[derive(Clone)]
#[non_exhaustive]
pub enum CountBy {
    /// Those that came with the same gateway token.
    Token,
    /// Those of the same subject of the [`Identity`](crate::Identity).
    Subject,
    /// Those with the same value of this label of the [`Identity`](crate::Identity).
    Label(Box<str>),
    /// Those that are sent with the same key, the client's own or a stored one.
    Credential,
    /// Those to the same provider.
    Provider,
    /// Those for the same model.
    Model,
    /// Those with the same value of this entry of the metadata.
    Metadata(Box<str>),
    /// Those for which the host's function gives the same text.
    Host(Arc<dyn Fn(&Extensions) -> Option<String> + Send + Sync>),
}

/// Which requests a rule is for. An empty list is for all.
#[derive(Clone, Debug, Default)]
pub struct RuleFilter {
    /// Slugs or aliases.
    pub(crate) providers: Vec<Box<str>>,
    pub(crate) models: Vec<Pattern>,
    /// Beginnings of the path behind the provider.
    pub(crate) paths: Vec<Box<str>>,
    pub(crate) groups: Vec<Box<str>>,
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
}

/// What becomes of a request for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExceeded {
    /// It is answered with 429.
    #[default]
    Refuse,
    /// What is to be tried next is tried: a step of a fallback chain or of a dynamic route. Where
    /// there is none, it is answered with 429.
    Fallback,
}

/// What becomes of a request where the store of counts cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreFailure {
    /// It counts in this process alone, with the whole limit.
    #[default]
    Local,
    /// It passes.
    Open,
    /// It is answered with 503.
    Closed,
}

/// What becomes of a request whose price is not known, under a rule about money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnknownPrice {
    /// It counts nothing, and that is reported.
    #[default]
    Report,
    /// It is refused.
    Refuse,
}

impl fmt::Debug for CountBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("Token"),
            Self::Subject => f.write_str("Subject"),
            Self::Label(name) => f.debug_tuple("Label").field(name).finish(),
            Self::Credential => f.write_str("Credential"),
            Self::Provider => f.write_str("Provider"),
            Self::Model => f.write_str("Model"),
            Self::Metadata(name) => f.debug_tuple("Metadata").field(name).finish(),
            Self::Host(_) => f.write_str("Host"),
        }
    }
}

impl fmt::Debug for LimitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitRule")
            .field("name", &self.name)
            .field("measure", &self.measure)
            .field("amount", &self.amount)
            .field("window", &self.window)
            .field("by", &self.by)
            .finish_non_exhaustive()
    }
}
