//! A rule of a cache: what holds for some requests.

use std::time::Duration;

use super::{MOST_BYTES, TTL, is_ttl, require};
use crate::directives::pattern::Pattern;
use crate::settings::{SettingsError, forms_of_model};
use crate::util::segments;

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
///     .max_request_bytes(64 * 1024)
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
    pub(crate) max_request_bytes: Option<u64>,
    pub(crate) max_response_bytes: Option<u64>,
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
    /// [`deny_models`](crate::settings::GatewaySettingsBuilder::deny_models).
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
    pub fn max_request_bytes(mut self, bytes: u64) -> Self {
        self.max_request_bytes = Some(bytes);
        self
    }

    /// Keeps answers of so many bytes at most, as they are sent: 1 byte to 25 MiB. Default: 25 MiB.
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.max_response_bytes = Some(bytes);
        self
    }

    /// Keeps answers with these statuses alone, of those from 200 to 299. Default: all of those. 202, 204, 205,
    /// 206 and 207 are never kept: what they come with is not the whole of one answer.
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
