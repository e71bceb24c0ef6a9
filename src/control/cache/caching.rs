//! What all services of a layer share: the store, the calls under way, and the counters.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::Response;
use http_body_util::BodyExt;
use tokio::time::timeout_at;
use tower::BoxError;

use super::asked::Policy;
use super::counts::{Counts, NotStored};
use super::entry::CacheEntry;
use super::flight::{Call, CallResult, Ended, Flights, Member, Own};
use super::kept::kept;
use super::key::CachePlace;
use super::memory::MemoryCache;
use super::own_store::OwnStore;
use super::recording::{Recording, Source};
use super::store::{Broadcast, CacheStore, CacheStoreError, Followed, Found, Generation, Turn};
use super::storing::{Head, Storing};
use super::target::{Seen, Target};
use super::writer::Writer;
use crate::TARGET;
use crate::util::budget::BodyBudget;
use crate::util::unwind;

/// The maximum number of followers of a call.
pub(super) const FOLLOWERS: usize = 1000;

/// How often a request asks for a turn.
const TURNS: usize = 3;

/// The store, calls under way and counters of a layer. Clones share them.
#[derive(Clone)]
pub(in crate::control) struct Caching(Arc<Inner>);

struct Inner {
    /// Made at first use.
    writer: OnceLock<Arc<Writer>>,
    flights: Arc<Flights>,
    counts: Arc<Counts>,
    /// The number of purges by this process.
    purges: AtomicU64,
}

/// The result of a lookup, and what the lookup has seen.
pub(in crate::control) struct Looked {
    pub(in crate::control) lookup: Lookup,
    pub(in crate::control) seen: Seen,
}

/// The result of a lookup.
pub(in crate::control) enum Lookup {
    Fresh {
        entry: CacheEntry,
        age: Duration,
    },
    /// `Some`: a stale entry, to serve if the provider fails.
    Missing(Option<CacheEntry>),
    /// The lookup failed, so it is unknown which purges there were.
    Failed,
}

/// Where a response comes from.
pub(in crate::control) enum Way {
    /// An entry that was stored after the lookup.
    Found(CacheEntry),
    /// The provider. The broadcast sends the response to other processes.
    Ask(Option<Box<dyn Broadcast>>),
    /// Another process.
    Follow(Followed),
    /// The provider, for each request by itself: another process has got a response that is not shared.
    Unshared,
}

impl Caching {
    /// With its own store in memory.
    pub(in crate::control) fn local() -> Self {
        let counts = Arc::<Counts>::default();
        let flights = Arc::new(Flights::new(counts.clone()));
        let (writer, purges) = (OnceLock::new(), AtomicU64::new(0));
        Self(Arc::new(Inner { writer, flights, counts, purges }))
    }

    pub(in crate::control) fn of(store: impl CacheStore) -> Self {
        let caching = Self::local();
        caching.writer_of(|| OwnStore::of(store));
        caching
    }

    fn writer_of(&self, store: impl FnOnce() -> OwnStore) -> &Arc<Writer> {
        self.0.writer.get_or_init(|| Arc::new(Writer::new(store(), self.0.counts.clone())))
    }

    pub(in crate::control) fn writer(&self) -> &Arc<Writer> {
        self.writer_of(|| OwnStore::Memory(MemoryCache::new()))
    }

    /// The store, if it has been used.
    pub(super) fn store_in_use(&self) -> Option<&dyn CacheStore> {
        self.0.writer.get().map(|writer| writer.store.as_dyn())
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    pub(super) fn flights(&self) -> &Flights {
        &self.0.flights
    }

    /// Notes a purge, so that later requests do not share earlier calls.
    pub(super) fn purges(&self) {
        self.0.purges.fetch_add(1, Ordering::Relaxed);
    }

    /// Stands in for the generation if a lookup fails. Each purge by this process changes it.
    fn unknown(&self) -> Generation {
        Generation(!self.0.purges.load(Ordering::Relaxed))
    }

    pub(in crate::control) fn hit(&self) {
        self.0.counts.hits.add();
    }

    pub(in crate::control) fn stale(&self) {
        self.0.counts.stale.add();
    }

    pub(in crate::control) fn missed(&self) {
        self.0.counts.misses.add();
    }

    pub(in crate::control) fn bypassed(&self) {
        self.0.counts.bypasses.add();
    }

    /// Looks up the entry. An error or a panic of the store is a failed lookup. `is_observed`: the seal is
    /// needed.
    pub(in crate::control) async fn look_up(
        &self,
        place: &CachePlace,
        policy: &Policy,
        budget: &BodyBudget,
        is_observed: bool,
    ) -> Looked {
        let closed = self.0.flights.closed(place.key);
        let got = match self.writer().store.get(place, budget, is_observed).await {
            Ok(Ok(got)) => Some(got),
            Ok(Err(error)) => {
                tracing::debug!(target: TARGET, %error, "the cache was not asked");
                None
            }
            Err(_) => None,
        };
        let Some((Found { entry, generation, seal }, now)) = got else {
            let seen = Seen { generation: self.unknown(), seal: None, closed };
            return Looked { lookup: Lookup::Failed, seen };
        };
        let lookup = match entry {
            Some(entry) if entry.is_fresh(now, policy) => {
                Lookup::Fresh { age: entry.age(now), entry }
            }
            stale => Lookup::Missing(stale.filter(|entry| entry.is_spare(now, policy))),
        };
        Looked { lookup, seen: Seen { generation, seal, closed } }
    }

    /// Joins the call for this place, or leads it. A request whose response will not be stored calls alone.
    pub(in crate::control) fn join(&self, target: &Target, call: Call) -> Member {
        if target.context.is_flagged() {
            target.set_alone();
            return Member::alone(call, self.0.flights.clone());
        }
        let key = (target.place.key, target.generation);
        let member = self.0.flights.join(key, FOLLOWERS + 1, call);
        if member.is_alone() {
            target.set_alone();
        }
        if member.follows() {
            target.wait_for_others();
        }
        member
    }

    /// The fresh entry, unless a purge came after the first lookup.
    async fn stored_since(&self, target: &Target) -> Option<CacheEntry> {
        let Target { place, policy, budget, generation, .. } = target;
        let Looked { lookup, seen } = self.look_up(place, policy, budget, false).await;
        match lookup {
            Lookup::Fresh { entry, .. } if seen.generation == *generation => Some(entry),
            _ => None,
        }
    }

    /// The stale entry, unless a purge came after the lookup, or the entry has expired.
    pub(in crate::control) async fn still(
        &self,
        stale: Option<CacheEntry>,
        target: &Target,
    ) -> Option<CacheEntry> {
        let stale = stale?;
        let store = self.writer().store.as_dyn();
        let now = unwind::run(|| store.generation(&target.place, &target.budget)).await;
        let is_purged = !matches!(now, Ok(Ok(now)) if now == target.generation);
        let is_spare = stale.is_spare(SystemTime::now(), &target.policy);
        (!is_purged && is_spare).then_some(stale)
    }

    /// Where the response comes from. The wait for another process is bounded like that for another
    /// request.
    pub(in crate::control) async fn way(&self, target: &Target) -> Way {
        let Target { place, generation, closed, .. } = target;
        if self.0.flights.closed(place.key) != *closed
            && let Some(entry) = self.stored_since(target).await
        {
            return Way::Found(entry);
        }
        if target.is_alone() {
            return Way::Ask(None);
        }
        let store = &self.writer().store;
        for _ in 0..TURNS {
            match store.turn(place, *generation, &target.budget).await {
                Ok(Ok(Turn::Lead(broadcast))) => return Way::Ask(broadcast),
                Ok(Ok(Turn::Follow(following))) => {
                    target.wait_for_others();
                    match timeout_at(target.wait.until(), unwind::run(|| following)).await {
                        Ok(Ok(Ok(Some(followed)))) => return Way::Follow(followed),
                        // The entry may be stored although the broadcast gave no response.
                        Ok(Ok(Ok(None))) => {
                            if let Some(entry) = self.stored_since(target).await {
                                return Way::Found(entry);
                            }
                        }
                        Ok(Ok(Err(CacheStoreError::Unshared))) => return Way::Unshared,
                        Ok(Ok(Err(_)) | Err(_)) | Err(_) => break,
                    }
                }
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Way::Ask(None)
    }
}

/// A response of the provider: shared, unless its head shows that it is not stored. `broadcast`: sends it
/// to other processes.
pub(in crate::control) fn answered(
    response: Response<Source>,
    target: Arc<Target>,
    mut broadcast: Option<Box<dyn Broadcast>>,
    ended: Ended,
) -> CallResult {
    let (held, most) = (target.budget.share(), target.policy.most_response_bytes);
    let (mut storing, metered) = match Storing::new(&response, target, &mut broadcast) {
        Ok((storing, metered)) => (Box::new(storing), metered),
        Err(why) => {
            if let Some(broadcast) = broadcast.filter(|_| ended == Ended::Answered) {
                // A broadcast of the host may panic.
                let _ = unwind::call(|| broadcast.unshared());
            }
            return CallResult::Own(Box::new(Own { result: Ok(response), ended, why }));
        }
    };
    let (parts, source) = response.into_parts();
    let head = Head { status: parts.status, headers: kept(&parts.headers) };
    storing.begins(&head);
    let recording = Recording::new(head, source, Some((storing, metered)), held, most);
    CallResult::Shared { head: Some(Box::new(parts)), recording: Box::new(recording) }
}

/// The call gave no response.
pub(in crate::control) fn failed(error: BoxError, ended: Ended) -> CallResult {
    CallResult::Own(Box::new(Own { result: Err(error), ended, why: NotStored::Failed }))
}

/// A response that another process leads.
pub(in crate::control) fn followed(followed: Followed, target: &Target) -> CallResult {
    let (held, most) = (target.budget.share(), target.policy.most_response_bytes);
    let Followed { status, headers, body } = followed;
    let source = Box::pin(body.map_err(Into::into));
    let recording = Recording::new(Head { status, headers }, source, None, held, most);
    CallResult::Shared { head: None, recording: Box::new(recording) }
}

impl fmt::Debug for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caching").field("store", &self.store_in_use()).finish_non_exhaustive()
    }
}
