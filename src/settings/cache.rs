//! Which answers of a gateway are kept, for how long, and for whom.
//!
//! Answers of success are kept whole, as the provider has sent them: JSON, images, audio and event
//! streams. Each caller has its own, by the subject of its [`Identity`](crate::Identity), its gateway
//! token and its key for the provider, unless they are [`shared`](CacheSettings::shared). What the
//! provider says of caching (`cache-control`) is not looked at: providers forbid it throughout, and here
//! the operator has asked for it.
//!
//! The answers of one gateway are no other's. Settings in a [`SettingsTable`](super::SettingsTable), or with a
//! [`scope`](super::GatewaySettingsBuilder::scope), keep their answers where they are replaced, and share
//! them with other processes where the store does; others keep them for each build of them by itself.
//!
//! Clients have `cf-aig-cache-ttl`, `cf-aig-skip-cache` and `cf-aig-cache-key`, unless
//! [`ClientControl::Cache`](super::ClientControl::Cache) is locked. `cf-aig-cache-key` asks for the cache
//! where the gateway has none; a time to live alone does not. A client's time to live goes before the
//! gateway's, but what a rule [never](CacheRule::never) keeps is not kept for it either.

use std::time::Duration;

use super::{SettingsError, forms_of_model};
use crate::directives::pattern::Pattern;
use crate::util::segments;

/// The longest body of a request, and of an answer, that is kept: 25 MiB.
pub(crate) const MOST_BYTES: u64 = 25 << 20;

/// The shortest and the longest time to live.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// The most rules of a gateway.
const MOST_RULES: usize = 64;

/// How the answers of a gateway are kept and given again.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::GatewaySettings;
/// use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};
///
/// let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
/// let cache = CacheSettings::new(hour)
///     .stale_if_error(day)
///     .rule(CacheRule::never().only_models(["*-preview"]))
///     .rule(CacheRule::keep(day).only_paths(["embeddings"]).most_response_bytes(1 << 20));
/// let settings = GatewaySettings::builder().cache(cache).build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until it is given to the settings of a gateway"]
pub struct CacheSettings {
    /// `None`: only where a request asks for it.
    pub(crate) ttl: Option<Duration>,
    pub(crate) is_shared: bool,
    pub(crate) stale_if_error: Duration,
    pub(crate) pace: ReplayPace,
    pub(crate) rules: Vec<CacheRule>,
}

impl CacheSettings {
    /// Keeps every answer that can be kept, for so long: 60 s to 30 days, which
    /// [`build`](super::GatewaySettingsBuilder::build) checks.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Keeps only the answers to requests that ask for it by `cf-aig-cache-key`, for 300 s unless they
    /// say otherwise, and to those for which a [rule](Self::rule) says how long.
    pub fn on_request() -> Self {
        Self::default()
    }

    /// Gives one caller's answers to the others of the gateway, too: neither the identity nor the gateway
    /// token counts. Keys for the provider still do: clients that bring different ones share nothing.
    /// Requests with a `cf-aig-cache-key` share nothing either, or one caller could choose the answer of
    /// another. Default: each caller has its own.
    ///
    /// Where the key comes from a [layer](super::GatewaySettingsBuilder::keys_from_layer), which may have
    /// one for each caller, callers stay apart, by their [`Identity`](crate::Identity) with its groups and
    /// labels, and their token. An identity that has several such keys, by
    /// [`KeyScope`](crate::control::KeyScope), is one caller.
    ///
    /// Where a request has neither an identity, nor a key of its client's, nor a gateway token, nobody can
    /// say whose an answer is. It passes by the cache unless that is shared. So does one that has a token
    /// alone, where the key comes from a layer.
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// For how long behind its time an answer may be given where the provider fails, up to 30 days.
    /// Default: not at all.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.stale_if_error = time;
        self
    }

    /// How fast a stream is given again. Default: at once.
    pub fn pace(mut self, pace: ReplayPace) -> Self {
        self.pace = pace;
        self
    }

    /// Adds what holds for some requests, in place of the time to live of [`new`](Self::new). Of several,
    /// the first that fits holds. Up to 64.
    pub fn rule(mut self, rule: CacheRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Whether the model of a request must be known to find its rule.
    pub(crate) fn goes_by_model(&self) -> bool {
        self.rules.iter().any(|rule| !rule.models.is_empty())
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        require(self.ttl.is_none_or(is_ttl), "the time to live of a cache", TTL)?;
        require(self.stale_if_error <= LONGEST, "`stale_if_error` of a cache", "at most 30 days")?;
        require(self.rules.len() <= MOST_RULES, "the rules of a cache", "64 at most")?;
        self.rules.iter().try_for_each(CacheRule::check)
    }
}

const TTL: &str = "from 60 s to 30 days";

fn is_ttl(ttl: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&ttl)
}

fn require(is_good: bool, what: &'static str, must_be: &'static str) -> Result<(), SettingsError> {
    if is_good { Ok(()) } else { Err(SettingsError::OutOfRange { what, must_be }) }
}

/// How fast a stream is given again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayPace {
    /// As fast as the client reads.
    #[default]
    AtOnce,
    /// As it came from the provider.
    Recorded,
}

/// What holds for some requests of a gateway: all that it is not narrowed to by
/// [`only_models`](Self::only_models) and [`only_paths`](Self::only_paths).
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::cache::CacheRule;
///
/// let day = Duration::from_secs(86_400);
/// let rule = CacheRule::keep(day)
///     .only_models(["text-embedding-*"])
///     .only_paths(["embeddings"])
///     .most_request_bytes(64 * 1024)
///     .statuses([200]);
/// # let _ = rule;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a rule does nothing until it is given to the settings of a cache"]
pub struct CacheRule {
    /// Zero: nothing is kept.
    pub(crate) ttl: Duration,
    pub(crate) models: Vec<Pattern>,
    pub(crate) has_bad_model: bool,
    /// Beginnings, as segments.
    pub(crate) paths: Vec<Box<[String]>>,
    pub(crate) most_request_bytes: Option<u64>,
    pub(crate) most_response_bytes: Option<u64>,
    pub(crate) statuses: Vec<u16>,
}

impl CacheRule {
    /// Keeps the answers to these requests for so long: 60 s to 30 days.
    pub fn keep(ttl: Duration) -> Self {
        // Zero is told from `never`, so that `check` finds it.
        Self { ttl: ttl.max(Duration::from_nanos(1)), ..Self::default() }
    }

    /// Keeps none of the answers to these requests, whatever they ask for.
    pub fn never() -> Self {
        Self::default()
    }

    /// Only requests for these models; `*` stands for any text. Spellings of one model do not matter (case,
    /// a maker before it, a variant or version behind it), as with
    /// [`deny_models`](super::GatewaySettingsBuilder::deny_models).
    ///
    /// For this the beginning of a body is read before it is sent, up to the model or the layer's
    /// [`peek_limit`](crate::GatewayLayerBuilder::peek_limit). A request whose model cannot be read, or
    /// whose provider chooses one, may be for any: a rule that never keeps holds for it, and one that
    /// keeps does not.
    pub fn only_models<P: AsRef<str>>(mut self, models: impl IntoIterator<Item = P>) -> Self {
        for model in models {
            match Pattern::new(&model.as_ref().to_lowercase()) {
                Some(pattern) => self.models.push(pattern),
                None => self.has_bad_model = true,
            }
        }
        self
    }

    /// Only requests whose path behind the provider begins with one of these, such as
    /// `chat/completions`. A version before it (`v1/`) does not matter, and case and percent-encoding
    /// do not either.
    pub fn only_paths<P: AsRef<str>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.paths.extend(paths.into_iter().map(|path| segments::plain(path.as_ref()).into()));
        self
    }

    /// Keeps the answers to requests with a body of so many bytes at most: 1 byte to 25 MiB. Default:
    /// 25 MiB.
    pub fn most_request_bytes(mut self, bytes: u64) -> Self {
        self.most_request_bytes = Some(bytes);
        self
    }

    /// Keeps answers of so many bytes at most, as they are sent: 1 byte to 25 MiB. Default: 25 MiB.
    pub fn most_response_bytes(mut self, bytes: u64) -> Self {
        self.most_response_bytes = Some(bytes);
        self
    }

    /// Keeps answers with these statuses alone, of those from 200 to 299; 202, 205 and 206 never are.
    /// Default: 200 alone.
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.statuses.extend(statuses);
        self
    }

    pub(crate) fn is_never(&self) -> bool {
        self.ttl.is_zero()
    }

    /// Whether it holds for a request. `model`: where it is known.
    pub(crate) fn is_for(&self, model: Option<&str>, path: &str) -> bool {
        let is_for_model = self.models.is_empty()
            || match model {
                Some(model) => forms_of_model(model)
                    .any(|form| self.models.iter().any(|pattern| pattern.matches(&form))),
                None => self.is_never(),
            };
        is_for_model
            && (self.paths.is_empty()
                || self.paths.iter().any(|wanted| segments::begins_with(path, wanted)))
    }

    pub(crate) fn check_models(&self) -> Result<(), SettingsError> {
        if self.has_bad_model { Err(SettingsError::Pattern) } else { Ok(()) }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.check_models()?;
        let sizes = [self.most_request_bytes, self.most_response_bytes];
        let has_bounds = sizes.iter().any(Option::is_some) || !self.statuses.is_empty();
        let what = "a cache rule that never keeps";
        require(!(self.is_never() && has_bounds), what, "without sizes and statuses")?;
        require(self.is_never() || is_ttl(self.ttl), "the time to live of a cache rule", TTL)?;
        let is_size = |bytes: &u64| (1..=MOST_BYTES).contains(bytes);
        let what = "a size of a cache rule";
        require(sizes.iter().flatten().all(is_size), what, "from 1 byte to 25 MiB")?;
        let is_success = |status: &u16| (200..=299).contains(status);
        require(self.statuses.iter().all(is_success), "a status of a cache rule", "from 200 to 299")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::GatewaySettings;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn every_mistake_is_found() {
        let built = |cache| GatewaySettings::builder().cache(cache).build().map(|_| ());
        let ruled = |rule| built(CacheSettings::on_request().rule(rule));
        let second = Duration::from_secs(1);
        for good in [
            built(CacheSettings::new(SHORTEST).stale_if_error(LONGEST)),
            built(CacheSettings::new(LONGEST)),
            built(CacheSettings::on_request()),
            ruled(CacheRule::never().only_models(["a*"]).only_paths(["x"])),
            ruled(CacheRule::keep(HOUR).most_request_bytes(1).most_response_bytes(MOST_BYTES)),
            ruled(CacheRule::keep(HOUR).statuses([200, 299])),
        ] {
            assert_eq!(good, Ok(()));
        }
        let many = (0..=MOST_RULES).fold(CacheSettings::on_request(), |cache, _| {
            cache.rule(CacheRule::never().only_paths(["x"]))
        });
        for bad in [
            built(CacheSettings::new(SHORTEST - second)),
            built(CacheSettings::new(LONGEST + second)),
            built(CacheSettings::new(Duration::ZERO)),
            built(CacheSettings::on_request().stale_if_error(LONGEST + second)),
            built(many),
            ruled(CacheRule::keep(Duration::ZERO)),
            ruled(CacheRule::keep(SHORTEST - second)),
            ruled(CacheRule::keep(LONGEST + second)),
            ruled(CacheRule::keep(HOUR).most_request_bytes(0)),
            ruled(CacheRule::keep(HOUR).most_response_bytes(MOST_BYTES + 1)),
            ruled(CacheRule::keep(HOUR).statuses([199])),
            ruled(CacheRule::keep(HOUR).statuses([200, 300])),
            ruled(CacheRule::never().statuses([200])),
            ruled(CacheRule::never().most_request_bytes(1)),
        ] {
            assert!(matches!(bad, Err(SettingsError::OutOfRange { .. })), "{bad:?}");
        }
        assert_eq!(ruled(CacheRule::keep(HOUR).only_models([""])), Err(SettingsError::Pattern));
    }

    #[test]
    fn a_rule_is_for_its_models_and_paths() {
        let rule = CacheRule::keep(HOUR).only_models(["gpt-5*"]).only_paths(["chat/completions"]);
        for (model, path, expected) in [
            (Some("gpt-5-mini"), "v1/chat/completions", true),
            (Some("openai/GPT-5:free"), "chat/completions", true),
            (Some("gpt-4"), "chat/completions", false),
            (Some("gpt-5"), "v1/responses", false),
            (None, "chat/completions", false),
        ] {
            assert_eq!(rule.is_for(model, path), expected, "{model:?} {path}");
        }
    }

    #[test]
    fn a_model_that_is_not_known_is_never_kept_where_a_rule_says_so_of_some() {
        let never = CacheRule::never().only_models(["*-preview"]);
        assert!(never.is_for(Some("a-preview"), "responses") && never.is_for(None, "responses"));
        assert!(!never.is_for(Some("a"), "responses"));
        let elsewhere = never.only_paths(["embeddings"]);
        assert!(!elsewhere.is_for(None, "responses"));
    }
}
