//! A limit rule.

use std::fmt;

use super::{CountBy, Measure, Window};
use crate::directives::pattern::Pattern;
use crate::util::segments;

/// A limit on what may be used per time.
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
    /// The limit, in the measure's unit.
    pub(crate) amount: u64,
    pub(crate) window: Window,
    pub(crate) by: Vec<CountBy>,
    pub(crate) only: RuleFilter,
    /// Only counts and reports.
    pub(crate) is_shadow: bool,
    pub(crate) on_exceeded: OnExceeded,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) on_unknown_price: OnUnknownPrice,
    /// In tokens.
    pub(crate) max_output: u64,
    /// A dynamic route uses it. It then applies only to requests that the route sends through it.
    pub(crate) is_of_route: bool,
    /// The prefix of [`Counter::id`](crate::control::limits::Counter::id). Set when the rule is
    /// checked.
    pub(crate) digest: [u8; 16],
}

/// The default maximum of reserved output, in tokens.
const MOST_OUTPUT: u64 = 4096;

/// 1 USD in ticks.
const USD: f64 = 1e10;

impl LimitRule {
    /// Allows `amount` per window, in the measure's unit. `name` is 1 to 64 of `A-Z a-z 0-9 - _ .`,
    /// and unique within a gateway.
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
            max_output: MOST_OUTPUT,
            is_of_route: false,
            digest: [0; 16],
        }
    }

    /// Limits the number of requests.
    pub fn requests(name: impl Into<String>, requests: u64, window: Window) -> Self {
        Self::new(name, Measure::Requests, requests, window)
    }

    /// Limits tokens, of prompts and answers together.
    pub fn tokens(name: impl Into<String>, tokens: u64, window: Window) -> Self {
        Self::new(name, Measure::Tokens, tokens, window)
    }

    /// Limits tokens of prompts, including cached ones.
    pub fn input_tokens(name: impl Into<String>, tokens: u64, window: Window) -> Self {
        Self::new(name, Measure::InputTokens, tokens, window)
    }

    /// Limits tokens of answers, including reasoning.
    pub fn output_tokens(name: impl Into<String>, tokens: u64, window: Window) -> Self {
        Self::new(name, Measure::OutputTokens, tokens, window)
    }

    /// Limits money, in US dollars. An invalid amount is reported when the settings are built.
    pub fn usd(name: impl Into<String>, usd: f64, window: Window) -> Self {
        let ticks = (usd * USD).round();
        let amount = if ticks >= 1.0 && ticks <= u64::MAX as f64 { ticks as u64 } else { 0 };
        Self::new(name, Measure::Cost, amount, window)
    }

    /// Counts requests separately by this value. Call it several times to count by a combination.
    /// Default: all requests of the gateway count together.
    pub fn by(mut self, by: CountBy) -> Self {
        self.by.push(by);
        self
    }

    /// Applies only to requests to these providers, by slug or alias.
    pub fn only_providers<P: Into<String>>(
        mut self,
        providers: impl IntoIterator<Item = P>,
    ) -> Self {
        self.only.providers.extend(providers.into_iter().map(|name| name.into().into()));
        self
    }

    /// Applies only to requests for these models; `*` matches any text. They are also matched in
    /// lower case, without a maker or `models/` in front and without a `:variant` or `@version` at
    /// the end. If the provider knows the same model by other names, list those too, or allow the
    /// gateway's clients [certain models
    /// only](crate::settings::GatewaySettingsBuilder::allow_models). A request whose model cannot
    /// be read, for example because its body is compressed or it is a batch, may be for any model, so
    /// the rule applies to it. One that names two is refused.
    pub fn only_models<P: AsRef<str>>(mut self, models: impl IntoIterator<Item = P>) -> Self {
        for model in models {
            match Pattern::new(&model.as_ref().to_lowercase()) {
                Some(pattern) => self.only.models.push(pattern),
                None => self.only.has_bad_model = true,
            }
        }
        self
    }

    /// Applies only to requests whose path after the provider starts with one of these, such as
    /// `chat/completions`. A leading version (`v1/`), case and percent-encoding are ignored.
    pub fn only_paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.only.paths.extend(paths.into_iter().map(|path| segments::plain(&path.into()).into()));
        self
    }

    /// Applies only to requests of identities in one of these groups.
    pub fn only_groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.only.groups.extend(groups.into_iter().map(|group| group.into().into()));
        self
    }

    /// Applies only to requests of identities with this label. If called several times, one match
    /// is enough.
    pub fn only_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.only.labels.push((name.into().into(), value.into().into()));
        self
    }

    /// Counts and reports what the rule would have refused, but refuses nothing.
    pub fn shadow(mut self) -> Self {
        self.is_shadow = true;
        self
    }

    /// What to do with a request that exceeds the limit. Default: [`OnExceeded::Refuse`].
    pub fn on_exceeded(mut self, what: OnExceeded) -> Self {
        self.on_exceeded = what;
        self
    }

    /// What to do if the store of counts cannot be reached. Default: [`OnStoreFailure::Local`].
    pub fn on_store_failure(mut self, what: OnStoreFailure) -> Self {
        self.on_store_failure = what;
        self
    }

    /// What to do with a request of unknown price, under a rule about money. Default:
    /// [`OnUnknownPrice::Report`].
    pub fn on_unknown_price(mut self, what: OnUnknownPrice) -> Self {
        self.on_unknown_price = what;
        self
    }

    /// The most output reserved per request, in tokens, whatever `max_tokens` says: 1 to
    /// 10,000,000. Default: 4,096. A lower value lets more requests run at once, and lets them
    /// exceed the limit by more.
    pub fn max_output(mut self, tokens: u64) -> Self {
        self.max_output = tokens;
        self
    }

    /// Returns true if something else is tried when the limit is exceeded.
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

    /// The limit per window, in the measure's unit.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// How long usage counts.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }
}

/// Which requests a rule applies to. An empty list applies to all.
#[derive(Clone, Debug, Default)]
pub struct RuleFilter {
    /// Slugs or aliases.
    pub(crate) providers: Vec<Box<str>>,
    /// In lower case.
    pub(crate) models: Vec<Pattern>,
    pub(crate) has_bad_model: bool,
    /// Prefixes of the path after the provider.
    /// As [`segments::plain`] gives them.
    pub(crate) paths: Vec<Box<[String]>>,
    pub(crate) groups: Vec<Box<str>>,
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
}

/// What to do with a request that exceeds a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExceeded {
    /// Answer it with 429, whatever an earlier step of the request has been answered.
    #[default]
    Refuse,
    /// Try the next step of a fallback chain or dynamic route. If there is none, answer with 429.
    Fallback,
}

/// What to do if the store of counts cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreFailure {
    /// Count in this process only, against the whole limit.
    #[default]
    Local,
    /// Let the request pass.
    Open,
    /// Answer it with 503.
    Closed,
}

/// What to do with a request of unknown price, under a rule about money. Only a response can have an
/// unknown price although the request had one: it counts at least the estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnknownPrice {
    /// Count nothing, and report that.
    #[default]
    Report,
    /// Refuse it.
    Refuse,
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
