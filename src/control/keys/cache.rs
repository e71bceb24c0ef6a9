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
use crate::util::unwind;

/// The maximum number of cached keys: callers can make up gateway names.
const MOST: usize = 4096;
/// How long the absence of a key is cached.
const ABSENT_FOR: Duration = Duration::from_secs(10);

/// The answer of a source.
#[derive(Clone)]
struct Known {
    key: Option<Secret>,
    until: Instant,
}

/// One query's answer, or the wait for it. A failure is shared only with requests that waited for
/// it.
type Slot = Arc<OnceCell<Result<Known, KeyError>>>;

/// A source and its cached answers.
pub(super) struct Cache<K> {
    source: K,
    depends_on_identity: bool,
    slots: Mutex<HashMap<KeyQuery, Slot>>,
}

impl<K: KeySource> Cache<K> {
    pub(super) fn new(source: K) -> Self {
        let depends_on_identity = source.depends_on_identity();
        Self { source, depends_on_identity, slots: Mutex::default() }
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

    fn slots(&self) -> MutexGuard<'_, HashMap<KeyQuery, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached answer, or the slot in which to wait for it.
    pub(super) fn look_up(&self, query: &KeyQuery) -> Result<Option<Secret>, Pending> {
        let now = Instant::now();
        let mut slots = self.slots();
        if let Some(slot) = slots.get(query) {
            match slot.get() {
                Some(Ok(known)) if known.until > now => return Ok(known.key.clone()),
                // A fetch is running.
                None => return Err(Pending(slot.clone())),
                Some(_) => {}
            }
        }
        if slots.len() >= MOST {
            let is_known = |slot: &Slot| {
                let known = slot.get().and_then(|known| known.as_ref().ok());
                known.is_some_and(|known| known.until > now)
            };
            slots.retain(|_, slot| is_known(slot));
            if slots.len() >= MOST {
                slots.clear();
            }
        }
        let slot = Slot::default();
        slots.insert(query.clone(), slot.clone());
        Err(Pending(slot))
    }
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
            let fetched = ask(&cache.source, query.clone()).await?;
            let now = Instant::now();
            let known = match fetched {
                Some(FetchedKey { secret, valid_for }) => {
                    // If no clock can express the time, a day will do.
                    let until = now.checked_add(valid_for);
                    let until = until.unwrap_or(now + Duration::from_secs(86_400));
                    Known { key: Some(secret), until }
                }
                None => Known { key: None, until: now + ABSENT_FOR },
            };
            Ok(known)
        };
        let known = self.0.get_or_init(fetch).await;
        known.as_ref().map(|known| known.key.clone()).map_err(KeyError::clone)
    }
}

impl<K> fmt::Debug for Cache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.slots().len())
    }
}
