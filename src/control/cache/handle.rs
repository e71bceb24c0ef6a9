//! The operator's handle: counts and purges.

use super::caching::Caching;
use super::counts::NotStored;
use super::key::{CacheKey, CacheScope};
use super::scopes;
use super::sealed::SealedKey;
use super::store::{CacheStats, CacheStoreError, Purge};
use crate::util::hex;
use crate::util::opaque::opaque_debug;

/// How a cache stands, and purges. From
/// [`ControlLayer::cache_handle`](crate::control::ControlLayer::cache_handle).
///
/// ```
/// # async fn example() -> Result<(), tower_ai_gateway::control::cache::CacheStoreError> {
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::cache::PurgeTarget;
///
/// let layer = ControlLayer::new();
/// let cache = layer.cache_handle();
/// cache.purge(PurgeTarget::gateway("main").model("grok-4")).await?;
/// println!("{} hits", cache.stats().hits);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct CacheHandle {
    caching: Caching,
}

/// What a cache has done since its layer was made, in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheReport {
    /// Requests that were answered from the cache, with what others got while it came included.
    pub hits: u64,
    /// Requests that were answered with what was too old, for the provider has failed.
    pub stale: u64,
    /// Requests for which the provider was asked.
    pub misses: u64,
    /// Requests that asked for the cache and were not for it.
    pub bypasses: u64,
    /// Answers that were stored.
    pub stored: u64,
    /// Answers that were not, by the reason.
    pub not_stored: Vec<(NotStored, u64)>,
    /// Requests that wait for or read what another one gets, now.
    pub followers: u64,
    /// Calls that requests can share, now.
    pub flights: u64,
    /// Calls that went on for others when the client had left that had asked.
    pub continued: ContinuedCalls,
    /// How the store stands.
    pub store: CacheStats,
}

/// What calls have used, in all, that went on for others when the client had left that had asked. The event
/// of that client's exchange has what it saw of it, if anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContinuedCalls {
    /// Those of which the provider has told what they used.
    pub calls: u64,
    /// Tokens of input.
    pub input_tokens: u64,
    /// Tokens of output.
    pub output_tokens: u64,
    /// The cost as far as prices are known, in ticks: 1 USD = 10<sup>10</sup> ticks.
    pub cost_ticks: u64,
}

/// What to purge, by names.
///
/// Nothing of it is looked up: a name that was never used purges nothing.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "nothing is purged until it is given to `CacheHandle::purge`"]
pub struct PurgeTarget {
    account: Option<String>,
    gateway: Option<String>,
    part: Option<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Provider(String),
    Model(String),
    Custom(String),
    Entry(CacheKey),
    Shown(SealedKey),
}

impl PurgeTarget {
    /// Everything. An account or a part that is named beside it purges nothing: these are of a
    /// [gateway](Self::gateway).
    pub fn all() -> Self {
        Self { account: None, gateway: None, part: None }
    }

    /// All of a gateway on a mount without accounts.
    pub fn gateway(gateway: impl Into<String>) -> Self {
        Self { account: None, gateway: Some(gateway.into()), part: None }
    }

    /// Of this account's gateway of that name.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Only answers of this provider, by its slug.
    pub fn provider(mut self, slug: impl Into<String>) -> Self {
        self.part = Some(Part::Provider(slug.into()));
        self
    }

    /// Only answers for this model, as it is asked for, and those to requests whose model could not be
    /// read, which may be for any.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.part = Some(Part::Model(model.into()));
        self
    }

    /// Only answers under this `cf-aig-cache-key`.
    pub fn custom_key(mut self, key: impl Into<String>) -> Self {
        self.part = Some(Part::Custom(key.into()));
        self
    }

    /// Only the answer with this key.
    pub fn entry(mut self, key: CacheKey) -> Self {
        self.part = Some(Part::Entry(key));
        self
    }

    /// Only the answer whose key is shown so, in [`EndEvent::cache_entry`](crate::EndEvent::cache_entry).
    pub fn sealed_entry(mut self, key: SealedKey) -> Self {
        self.part = Some(Part::Shown(key));
        self
    }

    /// What is purged beside it: answers that may be for the model as well.
    fn unknown(&self) -> Option<Purge> {
        let (Some(gateway), Some(Part::Model(_))) = (&self.gateway, &self.part) else {
            return None;
        };
        let gateway = scopes::of_gateway(self.account.as_deref(), gateway);
        Some(Purge::Part { gateway, part: scopes::of_model(gateway, "") })
    }

    /// `None` for a key that `open` cannot read, and for a part of no gateway.
    fn purge(&self, open: impl FnOnce(CacheScope, SealedKey) -> Option<CacheKey>) -> Option<Purge> {
        let Some(gateway) = &self.gateway else {
            let is_all = self.account.is_none() && self.part.is_none();
            return is_all.then_some(Purge::All);
        };
        let gateway = scopes::of_gateway(self.account.as_deref(), gateway);
        let part = match &self.part {
            None => return Some(Purge::Gateway(gateway)),
            Some(Part::Entry(key)) => return Some(Purge::Entry { gateway, key: *key }),
            Some(Part::Shown(key)) => {
                return open(gateway, *key).map(|key| Purge::Entry { gateway, key });
            }
            Some(Part::Provider(slug)) => scopes::of_provider(gateway, slug),
            Some(Part::Model(model)) => scopes::of_model(gateway, model),
            Some(Part::Custom(key)) => scopes::of_custom(gateway, key),
        };
        Some(Purge::Part { gateway, part })
    }
}

impl CacheKey {
    /// The key of these 64 hexadecimal digits; `None` where they are something else.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        hex::read(digits).map(Self)
    }
}

impl CacheHandle {
    pub(in crate::control) fn new(caching: Caching) -> Self {
        Self { caching }
    }

    /// How it stands.
    #[must_use]
    pub fn stats(&self) -> CacheReport {
        let counts = self.caching.counts();
        let not_stored = NotStored::ALL.map(|why| (why, counts.not_stored(why).get()));
        let continued = &counts.continued;
        CacheReport {
            hits: counts.hits.get(),
            stale: counts.stale.get(),
            misses: counts.misses.get(),
            bypasses: counts.bypasses.get(),
            stored: counts.stored.get(),
            not_stored: not_stored.into_iter().filter(|(_, count)| *count > 0).collect(),
            followers: counts.followers.get(),
            flights: self.caching.flights().count() as u64,
            continued: ContinuedCalls {
                calls: continued.calls.get(),
                input_tokens: continued.input_tokens.get(),
                output_tokens: continued.output_tokens.get(),
                cost_ticks: continued.cost_ticks.get(),
            },
            store: self.caching.store_in_use().map(|store| store.stats()).unwrap_or_default(),
        }
    }

    /// Forgets answers, those that are being recorded among them: they go on to whom they are for, and
    /// are not stored.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked: then nothing is forgotten, or not all of it.
    /// [`UnknownKey`](CacheStoreError::UnknownKey) where the store has never shown such a
    /// [key](PurgeTarget::sealed_entry), and where an account or a part is named without its gateway.
    pub async fn purge(&self, target: PurgeTarget) -> Result<(), CacheStoreError> {
        self.caching.purges();
        let store = &self.caching.writer().store;
        let seal = match target.part {
            Some(Part::Shown(_)) => store.seal().await?,
            _ => None,
        };
        let what = target.purge(|gateway, key| seal?.open(gateway, key));
        store.purge(&what.ok_or(CacheStoreError::UnknownKey)?).await?;
        match target.unknown() {
            Some(unknown) => store.purge(&unknown).await,
            None => Ok(()),
        }
    }
}

opaque_debug!(CacheHandle);
// A custom key may tell what was asked.
opaque_debug!(PurgeTarget { account, gateway });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_by_model_is_one_of_unknown_models_too() {
        let gateway = scopes::of_gateway(None, "main");
        let target = || PurgeTarget::gateway("main");
        let unknown = Purge::Part { gateway, part: scopes::of_model(gateway, "") };
        assert_eq!(target().model("a").unknown(), Some(unknown));
        assert_eq!(target().unknown(), None);
        assert_eq!(target().provider("a").unknown(), None);
        assert_eq!(PurgeTarget::all().unknown(), None);
    }

    #[test]
    fn a_part_of_no_gateway_is_nothing() {
        let (key, sealed): (_, SealedKey) = (CacheKey([1; 32]), "0".repeat(80).parse().unwrap());
        let all = PurgeTarget::all;
        for target in [
            all().account("a"),
            all().provider("a"),
            all().model("a"),
            all().custom_key("a"),
            all().entry(key),
            all().sealed_entry(sealed),
        ] {
            assert!(target.purge(|_, _| Some(key)).is_none() && target.unknown().is_none());
        }
        assert_eq!(all().purge(|_, _| None), Some(Purge::All));
    }

    #[test]
    fn a_custom_key_is_not_shown() {
        let shown = format!("{:?}", PurgeTarget::gateway("main").custom_key("what was asked"));
        assert!(shown.contains("main") && !shown.contains("asked"), "{shown}");
    }
}
