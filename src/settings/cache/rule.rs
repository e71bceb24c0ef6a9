//! A cache rule for some requests.

use std::time::Duration;

use super::{MOST_BYTES, TTL, is_ttl, require};
use crate::directives::pattern::Pattern;
use crate::settings::{SettingsError, is_one_of_models};
use crate::util::segments;

/// A cache rule for a gateway's requests: for all, or only for those of
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
///     .max_request_bytes(64 * 1024)
///     .statuses([200]);
/// # let _ = rule;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a rule does nothing until it is given to the settings of a cache"]
pub struct CacheRule {
    /// Zero: nothing is stored.
    pub(crate) ttl: Duration,
    pub(crate) models: Vec<Pattern>,
    pub(crate) has_bad_model: bool,
    /// Prefixes, as segments.
    pub(crate) paths: Vec<Box<[String]>>,
    pub(crate) max_request_bytes: Option<u64>,
    pub(crate) max_response_bytes: Option<u64>,
    pub(crate) statuses: Vec<u16>,
}

impl CacheRule {
    /// Caches these requests with this TTL: 60 s to 30 days.
    pub fn keep(ttl: Duration) -> Self {
        // Zero is not the same as `never`, so that `check` finds it.
        Self { ttl: ttl.max(Duration::from_nanos(1)), ..Self::default() }
    }

    /// Never caches these requests, whatever they ask for.
    pub fn never() -> Self {
        Self::default()
    }

    /// Applies only to requests for these models; `*` matches any text. Other spellings of a model
    /// match, too (case, a maker in front, a variant or version at the end), as with
    /// [`deny_models`](crate::settings::GatewaySettingsBuilder::deny_models).
    ///
    /// For this the start of a body is read before it is sent, up to the model or the layer's
    /// [`peek_limit`](crate::GatewayLayerBuilder::peek_limit). If the model cannot be read, or the
    /// provider chooses it, the request may be for any model: a rule that never stores applies to
    /// it, and a rule that stores does not.
    pub fn only_models<P: AsRef<str>>(mut self, models: impl IntoIterator<Item = P>) -> Self {
        for model in models {
            match Pattern::new(&model.as_ref().to_lowercase()) {
                Some(pattern) => self.models.push(pattern),
                None => self.has_bad_model = true,
            }
        }
        self
    }

    /// Applies only to requests whose path after the provider starts with one of these, such as
    /// `chat/completions`. A leading version (`v1/`), case and percent-encoding are ignored.
    pub fn only_paths<P: AsRef<str>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.paths.extend(paths.into_iter().map(|path| segments::plain(path.as_ref()).into()));
        self
    }

    /// The largest request body to cache: 1 byte to 25 MiB. Default: 25 MiB.
    pub fn max_request_bytes(mut self, bytes: u64) -> Self {
        self.max_request_bytes = Some(bytes);
        self
    }

    /// The largest response body to store, as it is sent: 1 byte to 25 MiB. Default: 25 MiB.
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.max_response_bytes = Some(bytes);
        self
    }

    /// Stores only responses with these statuses, from 200 to 299. Default: all of these. 202, 204,
    /// 205, 206 and 207 are never stored: they do not carry one complete response.
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.statuses.extend(statuses);
        self
    }

    pub(crate) fn is_never(&self) -> bool {
        self.ttl.is_zero()
    }

    /// Returns true if it applies to a request. `model`: if it is known.
    pub(crate) fn is_for(&self, model: Option<&str>, path: &str) -> bool {
        let is_for_model = self.models.is_empty()
            || model
                .and_then(|model| is_one_of_models(model, &self.models))
                .unwrap_or(self.is_never());
        is_for_model
            && (self.paths.is_empty()
                || self.paths.iter().any(|wanted| segments::begins_with(path, wanted)))
    }

    pub(crate) fn check_models(&self) -> Result<(), SettingsError> {
        if self.has_bad_model { Err(SettingsError::Pattern) } else { Ok(()) }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.check_models()?;
        let sizes = [self.max_request_bytes, self.max_response_bytes];
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
