//! One rule.

use std::fmt;
use std::sync::Arc;

use http::Extensions;

use super::Window;
use crate::directives::pattern::Pattern;

/// A limit of what may be used per time.
///
/// ```
/// use tower_ai_gateway::settings::limits::{CountBy, LimitRule, OnExceeded, Period, Window};
///
/// let rule = LimitRule::tokens("big-models", 2_000_000, Window::Fixed(Period::Hour))
///     .by(CountBy::Subject)
///     .only_models(["gpt-5*", "claude-opus-*"])
///     .on_exceeded(OnExceeded::Fallback);
/// assert_eq!(rule.name(), "big-models");
/// ```
#[derive(Clone)]
#[must_use = "a rule does nothing until it is added to the settings of a gateway"]
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
    /// In tokens.
    pub(crate) most_output: u64,
    /// A dynamic route names it: it holds for what the route sends through it alone.
    pub(crate) is_of_route: bool,
    /// What [`Counter::id`](crate::control::limits::Counter::id) begins with; set when it is checked.
    pub(crate) digest: [u8; 16],
}

/// How much output is reserved at most, in tokens.
const MOST_OUTPUT: u64 = 4096;

/// 1 USD in ticks.
const USD: f64 = 1e10;

impl LimitRule {
    /// At most so much, in the unit of the measure, per window. `name`: 1 to 64 of `A-Z a-z 0-9 - _ .`,
    /// another for each rule of a gateway.
    pub fn new(name: impl Into<String>, measure: Measure, amount: u64, window: Window) -> Self {
        Self {
            name: name.into().into(),
            measure,
            amount,
            window,
            by: Vec::new(),
            only: RuleFilter::default(),
            is_shadow: false,
            on_exceeded: OnExceeded::default(),
            on_store_failure: OnStoreFailure::default(),
            on_unknown_price: OnUnknownPrice::default(),
            most_output: MOST_OUTPUT,
            is_of_route: false,
            digest: [0; 16],
        }
    }

    /// At most so many requests.
    pub fn requests(name: impl Into<String>, requests: u64, window: Window) -> Self {
        Self::new(name, Measure::Requests, requests, window)
    }

    /// At most so many tokens, of prompts and answers together.
    pub fn tokens(name: impl Into<String>, tokens: u64, window: Window) -> Self {
        Self::new(name, Measure::Tokens, tokens, window)
    }

    /// At most so many tokens of prompts, cached ones included.
    pub fn input_tokens(name: impl Into<String>, tokens: u64, window: Window) -> Self {
        Self::new(name, Measure::InputTokens, tokens, window)
    }

    /// At most so many tokens of answers, those of reasoning included.
    pub fn output_tokens(name: impl Into<String>, tokens: u64, window: Window) -> Self {
        Self::new(name, Measure::OutputTokens, tokens, window)
    }

    /// At most so much money, in US dollars. What is no amount is found when the settings are built.
    pub fn usd(name: impl Into<String>, usd: f64, window: Window) -> Self {
        let ticks = (usd * USD).round();
        let amount = if ticks >= 1.0 && ticks <= u64::MAX as f64 { ticks as u64 } else { 0 };
        Self::new(name, Measure::Cost, amount, window)
    }

    /// Which requests count together: those that are alike in each of these. Default: all of the
    /// gateway.
    pub fn by(mut self, by: CountBy) -> Self {
        self.by.push(by);
        self
    }

    /// Only requests to these providers, by slug or alias.
    pub fn only_providers<P: Into<String>>(
        mut self,
        providers: impl IntoIterator<Item = P>,
    ) -> Self {
        self.only.providers.extend(providers.into_iter().map(|name| name.into().into()));
        self
    }

    /// Only requests for these models; `*` stands for any text. They are looked for in lower case,
    /// without a maker or `models/` before them and without a `:variant` or `@version` behind them,
    /// too. The provider may know the same model by other names: list them, or allow the gateway's
    /// clients [certain models alone](crate::settings::GatewaySettingsBuilder::allow_models). A call
    /// whose model cannot be read, such as one with a compressed body, may be for any: the rule holds
    /// for it, too.
    pub fn only_models<P: AsRef<str>>(mut self, models: impl IntoIterator<Item = P>) -> Self {
        for model in models {
            match Pattern::new(&model.as_ref().to_lowercase()) {
                Some(pattern) => self.only.models.push(pattern),
                None => self.only.has_bad_model = true,
            }
        }
        self
    }

    /// Only requests whose path behind the provider begins with one of these, such as
    /// `chat/completions`. A version before it (`v1/`) does not matter, and case and percent-encoding
    /// do not either.
    pub fn only_paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.only.paths.extend(paths.into_iter().map(|path| path.into().into()));
        self
    }

    /// Only requests of identities in one of these groups.
    pub fn only_groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.only.groups.extend(groups.into_iter().map(|group| group.into().into()));
        self
    }

    /// Only requests of identities with this label. Of several, one is enough.
    pub fn only_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.only.labels.push((name.into().into(), value.into().into()));
        self
    }

    /// Counts and reports what it would have refused, and refuses nothing.
    pub fn shadow(mut self) -> Self {
        self.is_shadow = true;
        self
    }

    /// What becomes of a request for which there is no room. Default: [`OnExceeded::Refuse`].
    pub fn on_exceeded(mut self, what: OnExceeded) -> Self {
        self.on_exceeded = what;
        self
    }

    /// What becomes of a request where the store of counts cannot be asked. Default:
    /// [`OnStoreFailure::Local`].
    pub fn on_store_failure(mut self, what: OnStoreFailure) -> Self {
        self.on_store_failure = what;
        self
    }

    /// What becomes of a request whose price is not known, under a rule about money. Default:
    /// [`OnUnknownPrice::Report`].
    pub fn on_unknown_price(mut self, what: OnUnknownPrice) -> Self {
        self.on_unknown_price = what;
        self
    }

    /// How many tokens of output are reserved at most, whatever `max_tokens` says: 1 to 10,000,000.
    /// Default: 4,096. A lower one lets more requests run at once, and lets them overshoot by more.
    pub fn most_output(mut self, tokens: u64) -> Self {
        self.most_output = tokens;
        self
    }

    /// Whether something else is tried where there is no room.
    pub(crate) fn leads_elsewhere(&self) -> bool {
        self.is_of_route || self.on_exceeded == OnExceeded::Fallback
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it counts.
    #[must_use]
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// How much may be used per window, in the measure's unit.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// How long what was used counts.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }
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

impl Measure {
    /// The name in lower case, as in `input_tokens`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
        }
    }
}

/// What a host's function says of a request.
type HostKey = Arc<dyn Fn(&Extensions) -> Option<String> + Send + Sync>;

/// Which requests of a rule count together. Those of one gateway and rule never count with others'.
/// Requests without the value count together, as if it were an empty one.
#[derive(Clone)]
#[non_exhaustive]
pub enum CountBy {
    /// Those that came with the same gateway token.
    Token,
    /// Those of the same subject of the [`Identity`](crate::Identity).
    Subject,
    /// Those with the same value of this label of the [`Identity`](crate::Identity).
    Label(Box<str>),
    /// Those that are sent with the same key, the client's own or a stored one. Stored keys that share
    /// the load count as one, and those that a layer below adds are not seen.
    Credential,
    /// Those to the same provider.
    Provider,
    /// Those for the same model of the same provider, as the request names it, in lower case. All whose
    /// model cannot be read count as one.
    Model,
    /// Those with the same value of this entry of the metadata. The client chooses it, unless the host
    /// [sets](crate::settings::GatewaySettingsBuilder::metadata) it. `1` and `"1"` are the same.
    Metadata(Box<str>),
    /// Those for which the host's function gives the same text. Where it panics, the request is
    /// refused.
    Host(HostKey),
}

impl CountBy {
    /// By the value of this label.
    #[must_use]
    pub fn label(name: impl Into<String>) -> Self {
        Self::Label(name.into().into())
    }

    /// By this entry of the metadata.
    #[must_use]
    pub fn metadata(key: impl Into<String>) -> Self {
        Self::Metadata(key.into().into())
    }

    /// By what this function says of the request's extensions. It must not block.
    #[must_use]
    pub fn host(name: impl Fn(&Extensions) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::Host(Arc::new(name))
    }
}

/// Which requests a rule is for. An empty list is for all.
#[derive(Clone, Debug, Default)]
pub struct RuleFilter {
    /// Slugs or aliases.
    pub(crate) providers: Vec<Box<str>>,
    /// In lower case.
    pub(crate) models: Vec<Pattern>,
    pub(crate) has_bad_model: bool,
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
