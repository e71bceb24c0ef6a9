//! Fetched keys, cached until they expire.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::error::KeyError;
use super::source::{FetchedKey, KeyQuery, KeySource};
use crate::credentials::secret::Secret;
use crate::usage::SeenIds;
use crate::util::unwind;

/// The maximum number of cached keys, and of cached absences: callers can make up names.
const MOST: usize = 4096;
/// How long the absence of a key is cached.
const ABSENT_FOR: Duration = Duration::from_secs(10);

/// A key that a source has given.
#[derive(Clone)]
struct Known {
    key: Secret,
    until: Instant,
}

/// One query's answer, or the wait for it. An absence or a failure is shared only with requests that
/// waited for it.
type Slot = Arc<OnceCell<Result<Option<Known>, KeyError>>>;

/// A source and its cached answers.
pub(super) struct Cache<K> {
    source: K,
    depends_on_identity: bool,
    slots: Mutex<Slots>,
    /// Queries without a key, apart from the keys: made-up aliases push out none.
    absent: SeenIds,
}

/// The keys, and the fetches that run.
struct Slots {
    by_query: HashMap<KeyQuery, Slot>,
    /// How many there may be until the next sweep.
    room: usize,
}

impl<K: KeySource> Cache<K> {
    pub(super) fn new(source: K) -> Self {
        let depends_on_identity = source.depends_on_identity();
        let slots = Slots { by_query: HashMap::new(), room: MOST };
        let absent = SeenIds::new(MOST, ABSENT_FOR);
        Self { source, depends_on_identity, slots: Mutex::new(slots), absent }
    }
}

impl<K> Cache<K> {
    /// Whether queries include the identity, so that each caller has its own keys.
    pub(super) fn depends_on_identity(&self) -> bool {
        self.depends_on_identity
    }

    pub(super) fn source(&self) -> &K {
        &self.source
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached answer, or the slot in which to wait for it.
    pub(super) fn look_up(&self, query: &KeyQuery) -> Result<Option<Secret>, Pending> {
        let now = Instant::now();
        let mut slots = self.slots();
        if let Some(slot) = slots.by_query.get(query) {
            match slot.get() {
                Some(Ok(Some(known))) if known.until > now => return Ok(Some(known.key.clone())),
                // A fetch is running.
                None => return Err(Pending(slot.clone())),
                Some(_) => {}
            }
        } else if self.absent.has_seen(query, now.into_std()) {
            return Ok(None);
        }
        slots.make_room(now);
        let slot = Slot::default();
        slots.by_query.insert(query.clone(), slot.clone());
        Err(Pending(slot))
    }

    /// Ends a fetch that has brought no key.
    fn forget(&self, query: &KeyQuery, is_absent: bool) {
        let mut slots = self.slots();
        slots.by_query.remove(query);
        if is_absent {
            self.absent.is_new(query, Instant::now().into_std());
        }
    }
}

impl Slots {
    /// If there are too many, drops what is of no use, and half of the keys: those that expire first.
    fn make_room(&mut self, now: Instant) {
        if self.by_query.len() < self.room {
            return;
        }
        // Slots are cloned under this lock only, so nobody waits for one that has a single owner.
        self.by_query.retain(|_, slot| match until(slot) {
            Some(until) => until > now,
            None => Arc::strong_count(slot) > 1,
        });
        let mut ends: Vec<_> = self.by_query.values().filter_map(until).collect();
        if let Some(mut surplus) = ends.len().checked_sub(MOST / 2).filter(|surplus| *surplus > 0) {
            let last = *ends.select_nth_unstable(surplus - 1).1;
            self.by_query.retain(|_, slot| {
                let goes = surplus > 0 && until(slot).is_some_and(|until| until <= last);
                surplus -= usize::from(goes);
                !goes
            });
        }
        // Running fetches stay, however many. Their sweep is not repeated for each new one.
        self.room = MOST.max(self.by_query.len() + MOST / 2);
    }
}

/// When the key expires; `None` while there is none.
fn until(slot: &Slot) -> Option<Instant> {
    Some(slot.get()?.as_ref().ok()?.as_ref()?.until)
}

/// Fetches a key for one request, without caching it.
pub(super) async fn fetch_once<K: KeySource>(
    cache: Arc<Cache<K>>,
    query: KeyQuery,
) -> Result<Option<Secret>, KeyError> {
    Ok(ask(&cache.source, query).await?.map(|fetched| fetched.secret))
}

/// Calls the source, which may panic.
async fn ask<K: KeySource>(source: &K, query: KeyQuery) -> Result<Option<FetchedKey>, KeyError> {
    let fetched = unwind::run(|| source.fetch(query)).await;
    fetched.unwrap_or_else(|panicked| Err(panicked.into())).map_err(KeyError::source_failed)
}

/// A key that is being fetched or must be.
pub(super) struct Pending(Slot);

impl Pending {
    /// Waits for the one running fetch. The first waiter fetches; if it is dropped before the
    /// answer, the next one does.
    pub(super) async fn wait<K: KeySource>(
        self,
        cache: Arc<Cache<K>>,
        query: KeyQuery,
    ) -> Result<Option<Secret>, KeyError> {
        let fetch = || async {
            let fetched = ask(&cache.source, query.clone()).await;
            if !matches!(fetched, Ok(Some(_))) {
                cache.forget(&query, fetched.is_ok());
            }
            let now = Instant::now();
            Ok(fetched?.map(|FetchedKey { secret: key, valid_for }| {
                // If no clock can express the time, a day will do.
                let until = now.checked_add(valid_for);
                Known { key, until: until.unwrap_or(now + Duration::from_secs(86_400)) }
            }))
        };
        let known = self.0.get_or_init(fetch).await.as_ref().map_err(KeyError::clone)?;
        Ok(known.as_ref().map(|known| known.key.clone()))
    }
}

impl<K> fmt::Debug for Cache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.slots().by_query.len())
    }
}
