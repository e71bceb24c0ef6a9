//! Counts in one Redis or Valkey, for many gateways.

mod builder;
mod lane;
mod queue;
mod reply;
mod script;
mod settle;
mod worker;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use self::builder::RedisStoreBuilder;
use self::queue::Queue;
use self::script::{Back, Keys, Scripts};
use self::settle::Settle;
use super::store::{
    Claim, Counter, Decision, LimitStore, LimitStoreError, ReservationId, Settlement, Standing,
    StoreFuture,
};
use crate::control::redis::{Call, Failure, LinkError, Notes, RedisClient, RedisStoreError};
use crate::settings::limits::Window;

static NOTES: Notes = Notes {
    fails: "Redis counts no limits at present: each rule's `on_store_failure` applies",
    works: "limits are counted there",
};

/// A [`LimitStore`] in Redis or Valkey, version 7 or later, alone or as a cluster: gateways with the same
/// settings count together.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::limits::RedisStore;
/// use tower_ai_gateway::settings::Secret;
///
/// let store = RedisStore::builder("redis://redis.internal:6379")
///     .user("gateway")
///     .password(Secret::new("example-password")?)
///     .timeout(Duration::from_millis(20))
///     .build()?;
/// # let _ = store;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # How it counts
///
/// All claims of a request are decided by one script in one round trip, all or nothing, by Redis's
/// clock and to the unit: of N gateways none can grant what another has used. Numbers are exact up
/// to 2^53; larger limits count as that. All keys of a gateway have one hash tag, so they are in
/// one slot of a cluster. Each key expires when it no longer matters.
///
/// A claim with a lease is held until it is settled. If it never is, because a replica has crashed
/// or settlements were lost, it stops counting when its lease is over. If it is settled later, its
/// usage is counted in full. Settling twice counts once.
///
/// If a request is dropped, or times out, while Redis decides, its claims with a lease are taken
/// back. Claims without a lease stay, if Redis has counted them by then: at most one request too
/// many is counted.
///
/// # Trouble
///
/// Nothing is connected before the first request, and connections are made again in the background.
/// A request waits for Redis no longer than the timeout. After five failures in a row, requests
/// fail at once, except one a second, which finds out whether Redis is back. Failures are
/// [counted](Self::stats), and logged when they begin and when they end.
///
/// If a connection to a cluster is lost before an answer, the client asks again, and the first question may
/// have been heard. Reservations with a lease, settlements and refunds count once all the same. A request
/// whose claims have no lease may count twice.
///
/// Redis must not evict keys (`maxmemory-policy noeviction`): a counter that is evicted begins
/// anew. After a failover, what the new master had not received yet is not counted.
///
/// [`settle`](LimitStore::settle) queues, and a task sends. While Redis is away, settlements wait,
/// within bounds; if one node of a cluster is away, those for other nodes do not wait for it.
/// Before the process exits, [`LimitsHandle::flush`](super::LimitsHandle::flush) or
/// [`flush`](Self::flush) waits for them. A dropped store goes on sending for up to five seconds,
/// if the runtime lives that long.
///
/// # TLS
///
/// `rediss://` trusts the roots of the platform, or [others](RedisStoreBuilder::roots_pem). If the
/// host has installed no default provider of rustls, building the store installs one: that of the
/// feature `tls-aws-lc-rs`, else that of `tls-ring`.
///
/// Needs a tokio runtime.
pub struct RedisStore {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// Shared with the task that sends settlements.
#[derive(Debug)]
struct Shared {
    client: RedisClient,
    scripts: Scripts,
    keys: Keys,
    queue: Arc<Queue>,
}

/// What a [`RedisStore`] has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStoreStats {
    /// Operations that have failed, including those that were not tried.
    pub failures: u64,
    /// Reservations that wait to be settled.
    pub queued: usize,
    /// Reservations that were never settled, because too many waited. Each ends with its lease; its
    /// usage is not counted.
    pub dropped: u64,
}

impl RedisStore {
    /// One Redis: `redis://user:password@host:port/database`, or `rediss://` for TLS. `valkey://` and
    /// `valkeys://` are the same.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(vec![url.into()], false)
    }

    /// A cluster. The named nodes tell of the others.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(urls.into_iter().map(Into::into).collect(), true)
    }

    fn new(builder: &RedisStoreBuilder) -> Result<Self, RedisStoreError> {
        let shared = Shared {
            client: RedisClient::new(&builder.options, &NOTES)?,
            scripts: Scripts::new(),
            keys: Keys::new(&builder.options.prefix),
            queue: Arc::new(Queue::new(builder.queue)),
        };
        Ok(Self { shared: Arc::new(shared), worker: Mutex::new(None) })
    }

    /// Waits until all settlements are in Redis, or until the time is over. Returns whether they
    /// are.
    pub async fn flush(&self, within: Duration) -> bool {
        self.start();
        self.shared.queue.idle(Instant::now() + within).await
    }

    /// What the store has seen since it was built.
    #[must_use]
    pub fn stats(&self) -> RedisStoreStats {
        let Shared { queue, client, .. } = &*self.shared;
        RedisStoreStats {
            failures: client.failures(),
            queued: queue.len(),
            dropped: queue.dropped(),
        }
    }

    /// Starts the task that sends settlements, if none runs. An earlier one may have ended with its
    /// runtime.
    fn start(&self) {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.as_ref().is_none_or(JoinHandle::is_finished) {
            *worker = Some(tokio::spawn(worker::run(self.shared.clone())));
        }
    }

    async fn decide(
        &self,
        id: ReservationId,
        claims: &[Claim],
    ) -> Result<Decision, LimitStoreError> {
        if claims.is_empty() {
            return Ok(Decision { is_granted: true, ..Decision::default() });
        }
        self.start();
        let call = self.shared.scripts.reserve(&self.shared.keys, id, claims);
        let mut undo = Undo { queue: &self.shared.queue, id, claims, is_armed: false };
        let read = |value: &redis::Value| reply::decision(value, claims.len());
        self.shared.ask(&call, &mut undo.is_armed, read).await
    }

    async fn look<T>(
        &self,
        counter: Counter,
        window: Window,
        limit: u64,
        back: Back,
        read: impl FnOnce(&redis::Value) -> Result<T, LinkError>,
    ) -> Result<T, LimitStoreError> {
        let Shared { scripts, keys, .. } = &*self.shared;
        let call = scripts.standing(keys, counter, window, limit, back);
        self.shared.ask(&call, &mut false, read).await
    }
}

impl Shared {
    /// Calls a script. `may_have_run` is set during the call, and stays set if nobody knows whether
    /// the script ran.
    async fn ask<T>(
        &self,
        call: &Call<'_>,
        may_have_run: &mut bool,
        read: impl FnOnce(&redis::Value) -> Result<T, LinkError>,
    ) -> Result<T, LimitStoreError> {
        let question = async { read(&call.send(&self.client.link).await?) };
        self.client.ask(may_have_run, question).await.map_err(|failure| match failure {
            Failure::Timeout => LimitStoreError::Timeout,
            Failure::Link(error) => LimitStoreError::Unavailable(Box::new(error)),
        })
    }
}

/// Takes a reservation back if nobody knows whether it was made.
struct Undo<'a> {
    queue: &'a Queue,
    id: ReservationId,
    claims: &'a [Claim],
    is_armed: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        if let Some(undo) = Settle::undo(self.id, self.claims) {
            self.queue.push_undo(undo);
        }
    }
}

impl LimitStore for RedisStore {
    fn reserve<'a>(&'a self, id: ReservationId, claims: &'a [Claim]) -> StoreFuture<'a, Decision> {
        Box::pin(self.decide(id, claims))
    }

    fn settle(&self, id: ReservationId, settlements: &[Settlement]) {
        let settlements = settlements.iter().filter(|it| it.is_due()).copied().collect();
        if let Some(settle) = Settle::new(id, settlements) {
            self.shared.queue.push(settle);
        }
    }

    fn settled<'a>(&'a self, within: Duration) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            if self.flush(within).await { Ok(()) } else { Err(LimitStoreError::Timeout) }
        })
    }

    fn standing<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
    ) -> StoreFuture<'a, Standing> {
        Box::pin(self.look(*counter, window, limit, Back::Nothing, reply::standing))
    }

    fn refund<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
        extra: Option<u64>,
    ) -> StoreFuture<'a, ()> {
        let back = extra.map_or(Back::All, Back::Amount);
        let read = |value: &redis::Value| reply::standing(value).map(drop);
        Box::pin(self.look(*counter, window, limit, back, read))
    }

    fn reports_failures(&self) -> bool {
        true
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("link", &self.shared.client.link)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
