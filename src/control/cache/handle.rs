//! The operator's handle: statistics and purges.

use super::caching::Caching;
use super::counts::NotStored;
use super::key::{CacheKey, CacheScope};
use super::scopes;
use super::sealed::SealedKey;
use super::store::{CacheStats, CacheStoreError, Purge};
use crate::util::hex;
use crate::util::opaque::opaque_debug;

/// Reads the statistics of a cache, and purges it. From
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

/// Statistics of a cache since its layer was made, in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheReport {
    /// Requests served from an entry, or from the call of another request.
    pub hits: u64,
    /// Requests served a stale entry because the provider failed.
    pub stale: u64,
    /// Requests that made their own call to the provider, answered or not. Events and metrics count
    /// only those that got a response.
    pub misses: u64,
    /// Requests that could not use the cache, though the gateway or the request asked for it,
    /// answered or not.
    pub bypasses: u64,
    /// Responses that were stored.
    pub stored: u64,
    /// Responses that were not stored, by reason.
    pub not_stored: Vec<(NotStored, u64)>,
    /// Followers now: requests that wait for or read the response to another request's call.
    pub followers: u64,
    /// Calls under way that requests can join.
    pub flights: u64,
    /// Calls that went on for followers after the leader's client had left.
    pub continued: ContinuedCalls,
    /// Statistics of the store.
    pub store: CacheStats,
}

/// The usage of calls that went on for followers after the leader's client had left. The event of that
/// client's exchange has what the client saw of the usage, if anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContinuedCalls {
    /// The calls whose usage the provider reported.
    pub calls: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// The cost, as far as prices are known, in ticks: 1 USD = 10<sup>10</sup> ticks.
    pub cost_ticks: u64,
}

/// What to purge, by name.
///
/// Names are not checked: an unknown name purges nothing.
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
    /// Everything. With an account or a part the purge fails, because both belong to a
    /// [gateway](Self::gateway).
    pub fn all() -> Self {
        Self { account: None, gateway: None, part: None }
    }

    /// All entries of a gateway, on a mount without accounts.
    pub fn gateway(gateway: impl Into<String>) -> Self {
        Self { account: None, gateway: Some(gateway.into()), part: None }
    }

    /// The gateway belongs to this account.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Only entries of this provider, by its slug.
    pub fn provider(mut self, slug: impl Into<String>) -> Self {
        self.part = Some(Part::Provider(slug.into()));
        self
    }

    /// Only entries for this model, as requests name it, and entries whose model could not be read, which
    /// may be for any model.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.part = Some(Part::Model(model.into()));
        self
    }

    /// Only entries of this `cf-aig-cache-key`.
    pub fn custom_key(mut self, key: impl Into<String>) -> Self {
        self.part = Some(Part::Custom(key.into()));
        self
    }

    /// Only the entry with this key.
    pub fn entry(mut self, key: CacheKey) -> Self {
        self.part = Some(Part::Entry(key));
        self
    }

    /// Only the entry with this sealed key, from [`EndEvent::cache_entry`](crate::EndEvent::cache_entry).
    pub fn sealed_entry(mut self, key: SealedKey) -> Self {
        self.part = Some(Part::Shown(key));
        self
    }

    /// The second purge of a purge by model: entries of unknown models.
    fn unknown(&self) -> Option<Purge> {
        let (Some(gateway), Some(Part::Model(_))) = (&self.gateway, &self.part) else {
            return None;
        };
        let gateway = scopes::of_gateway(self.account.as_deref(), gateway);
        Some(Purge::Part { gateway, part: scopes::of_model(gateway, "") })
    }

    /// `None` if `open` cannot read the key, or if a part has no gateway.
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
    /// Reads 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        hex::read(digits).map(Self)
    }
}

impl CacheHandle {
    pub(in crate::control) fn new(caching: Caching) -> Self {
        Self { caching }
    }

    /// The statistics until now.
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

    /// Purges entries. Responses under way still reach their clients, but are not stored.
    ///
    /// # Errors
    ///
    /// If the store fails: then nothing was purged, or not everything.
    /// [`UnknownKey`](CacheStoreError::UnknownKey) if the store has never shown this [sealed
    /// key](PurgeTarget::sealed_entry), or if an account or a part is named without a gateway.
    pub async fn purge(&self, target: PurgeTarget) -> Result<(), CacheStoreError> {
        self.caching.purges();
        let store = self.caching.writer().store.as_dyn();
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
// A custom key may contain user data.
opaque_debug!(PurgeTarget { account, gateway });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_by_model_includes_unknown_models() {
        let gateway = scopes::of_gateway(None, "main");
        let target = || PurgeTarget::gateway("main");
        let unknown = Purge::Part { gateway, part: scopes::of_model(gateway, "") };
        assert_eq!(target().model("a").unknown(), Some(unknown));
        assert_eq!(target().unknown(), None);
        assert_eq!(target().provider("a").unknown(), None);
        assert_eq!(PurgeTarget::all().unknown(), None);
    }

    #[test]
    fn a_part_without_a_gateway_purges_nothing() {
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
