//! The connections to one origin.

mod http1;
mod target;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tokio::sync::Notify;

pub(in crate::client) use self::http1::{Answer, Http1};
use self::target::host;
use super::{Limits, SWEEPS};
use crate::client::http2::{Http2, Stream};
use crate::client::in_flight::InFlight;
#[cfg(feature = "proxy")]
use crate::client::proxy::Forwarding;
use crate::client::tracked_body::SendBody;

/// A scheme and authority, and the connections to it.
pub(in crate::client) struct Origin<B> {
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    /// How requests are sent through a proxy, if plain http goes through one.
    #[cfg(feature = "proxy")]
    forwarding: Option<Forwarding>,
    limits: Limits,
    state: Mutex<State<B>>,
    /// Notified when a connection was made or failed.
    changed: Notify,
}

struct State<B> {
    /// Idle connections; the most recently used is last.
    idle: Vec<Idle<B>>,
    shared: Vec<Http2<B>>,
    /// Whether this origin speaks HTTP/2, once known.
    is_http2: Option<bool>,
    /// A connection is being made that others wait for.
    is_connecting: bool,
    /// How often that has failed.
    failures: u64,
}

struct Idle<B> {
    connection: Box<Http1<B>>,
    /// Sweeps left until the reaper closes it.
    sweeps_left: u32,
}

/// A connection for one exchange.
pub(in crate::client) enum Connection<B> {
    Http1(Box<Http1<B>>),
    Http2(Stream<B>),
}

/// How a request gets its connection.
pub(in crate::client) enum Found<B> {
    Connection(Connection<B>),
    /// Make one. With a lead, others wait for the result.
    Connect(Option<Lead<B>>),
    /// Wait for the one that is being made, unless it fails.
    Wait {
        failures: u64,
    },
}

/// Held while making the connection that others wait for.
pub(in crate::client) struct Lead<B> {
    origin: Arc<Origin<B>>,
    has_failed: bool,
}

impl<B> Drop for Lead<B> {
    fn drop(&mut self) {
        let mut state = self.origin.state();
        state.is_connecting = false;
        state.failures += u64::from(self.has_failed);
        drop(state);
        self.origin.changed.notify_waiters();
    }
}

impl<B> Lead<B> {
    /// Reports a failed connect: the waiters then connect by themselves, all at once. If the lead
    /// is merely dropped, another waiter takes it.
    pub(super) fn fail(mut self) {
        self.has_failed = true;
    }
}

impl<B> Origin<B> {
    pub(in crate::client) fn linger(&self) -> Duration {
        self.limits.linger
    }
}

impl<B: SendBody> Origin<B> {
    pub(super) fn new(
        scheme: Scheme,
        authority: Authority,
        limits: Limits,
        is_http2: Option<bool>,
        #[cfg(feature = "proxy")] forwarding: Option<Forwarding>,
    ) -> Self {
        let state = State {
            idle: Vec::new(),
            shared: Vec::new(),
            is_http2,
            is_connecting: false,
            failures: 0,
        };
        let host = host(&scheme, &authority);
        let (state, changed) = (Mutex::new(state), Notify::new());
        Self {
            scheme,
            authority,
            host,
            #[cfg(feature = "proxy")]
            forwarding,
            limits,
            state,
            changed,
        }
    }

    /// A connection that can take a request now, or how to get one.
    ///
    /// With `alone`, it does not wait for a connection that others are making.
    pub(in crate::client) fn find(self: &Arc<Self>, alone: bool) -> Found<B> {
        if let Some(connection) = self.idle() {
            return Found::Connection(Connection::Http1(connection));
        }
        let mut state = self.state();
        state.shared.retain(|connection| !connection.is_closed());
        if state.is_http2 == Some(false) {
            return Found::Connect(None);
        }
        let most = self.limits.streams_per_connection;
        let mut shared = state.shared.iter();
        let with_room = shared.find(|connection| connection.has_room(most));
        // The newest one may still get room, once its peer's limit is known.
        let is_full =
            state.shared.len() >= self.limits.connections_per_origin && !state.is_connecting;
        let least = || state.shared.iter().min_by_key(|connection| connection.load());
        let found = with_room.or_else(|| is_full.then(least).flatten());
        if let Some(connection) = found {
            return Found::Connection(Connection::Http2(connection.stream()));
        }
        if alone {
            return Found::Connect(None);
        }
        if state.is_connecting {
            return Found::Wait { failures: state.failures };
        }
        state.is_connecting = true;
        Found::Connect(Some(Lead { origin: self.clone(), has_failed: false }))
    }

    /// An idle HTTP/1.1 connection that still works.
    pub(in crate::client) fn idle(&self) -> Option<Box<Http1<B>>> {
        loop {
            // Outside of the condition: the lock is not held while the connection is looked at.
            let mut idle = self.state().idle.pop()?.connection;
            if idle.reuse() {
                return Some(idle);
            }
        }
    }

    /// Waits until `find` may return something else. Returns true if the connect has failed.
    pub(super) async fn changed(&self, failures: u64) -> bool {
        let changed = self.changed.notified();
        let mut changed = std::pin::pin!(changed);
        changed.as_mut().enable();
        let is_connecting = {
            let state = self.state();
            state.is_connecting && state.failures == failures
        };
        if is_connecting {
            changed.await;
        }
        self.state().failures != failures
    }

    pub(in crate::client) fn speaks_http1(&self) {
        self.state().is_http2 = Some(false);
    }

    /// Adds a shared connection and takes its first stream. If the origin has its maximum already,
    /// the connection serves this exchange only.
    pub(in crate::client) fn share(&self, connection: Http2<B>) -> Stream<B> {
        let stream = connection.stream();
        let mut state = self.state();
        state.is_http2 = Some(true);
        if state.shared.len() < self.limits.connections_per_origin {
            state.shared.push(connection);
        }
        stream
    }

    /// Removes the connection of that stream: it takes no more requests.
    pub(in crate::client) fn forget(&self, stream: &InFlight) {
        self.state().shared.retain(|connection| !connection.carries(stream));
    }
}

impl<B> Origin<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection for the next request.
    pub(in crate::client) fn set_idle(&self, connection: Box<Http1<B>>) {
        let sweeps_left = SWEEPS;
        let idle = Idle { connection, sweeps_left };
        let mut state = self.state();
        if state.idle.len() < self.limits.max_idle_per_origin {
            state.idle.push(idle);
        }
    }

    /// Closes connections that were idle for too long or that the peer has closed.
    pub(super) fn sweep(&self, is_sweep: bool)
    where
        B: SendBody,
    {
        let mut state = self.state();
        let taken = state.idle.extract_if(.., |idle| {
            idle.sweeps_left -= u32::from(is_sweep);
            idle.sweeps_left == 0 || idle.connection.is_woken()
        });
        let taken: Vec<_> = taken.collect();
        state.shared.retain_mut(|shared| !(shared.is_closed() || is_sweep && shared.look()));
        drop(state);
        // Polled without the lock: hyper may wake any task.
        for mut idle in taken {
            if idle.sweeps_left > 0 && idle.connection.reuse() {
                idle.connection.rest();
                self.state().idle.insert(0, idle);
            } else {
                idle.connection.close();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.idle.is_empty() && state.shared.is_empty() && !state.is_connecting
    }
}
