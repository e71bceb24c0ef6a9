//! An HTTP/2 connection, shared by many exchanges and driven by its own task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::client::conn::http2::{Connection, SendRequest};
use hyper::rt::{Read, Write};
use tokio::sync::watch;
use tokio::time::timeout;

use super::body::ClientBody;
use super::in_flight::{Exchanges, InFlight, Sending};
use super::pool::SWEEPS;
use super::tracked_body::{Failed, TrackedBody};
use super::watched::Watched;
use crate::client::tracked_body::SendBody;

/// hyper's value for the peer's stream limit before the peer's SETTINGS arrive. No peer can send
/// it: the setting has 32 bits, and `usize::MAX` means no limit. Until SETTINGS arrive the pool
/// starts only one stream, because the peer would refuse those above its limit.
pub(super) const UNKNOWN_STREAMS: usize = usize::MAX - 1;

/// How long others wait for a new connection's SETTINGS before they open their own.
const SETTINGS_TIMEOUT: Duration = Duration::from_secs(10);

/// The request body type of a connection.
type Upload<B> = Sending<TrackedBody<B>>;

pub(super) struct Http2<B> {
    sender: SendRequest<Upload<B>>,
    /// Driven by its task. Also read for the peer's stream limit.
    connection: Arc<Mutex<Option<Box<dyn Peer>>>>,
    exchanges: Exchanges,
    usage: Arc<Usage>,
    /// Sweeps left until the reaper closes the connection, if it stays unused.
    sweeps_left: u32,
}

/// A connection to a peer, whatever its body type.
trait Peer: Send {
    /// How many streams the peer allows.
    fn allowed(&self) -> usize;

    /// Ready when the connection has ended. Its exchanges get the error.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<B, T> Peer for Connection<Watched<T>, Upload<B>, Exchanges>
where
    T: Read + Write + Send + Unpin + 'static,
    B: SendBody,
{
    fn allowed(&self) -> usize {
        self.current_max_send_streams()
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(self).poll(cx).map(drop)
    }
}

/// Owned by the task of a connection. Drops the connection however the task ends: hyper reports the
/// connection as closed only after that.
struct Driver(Arc<Mutex<Option<Box<dyn Peer>>>>);

impl Drop for Driver {
    fn drop(&mut self) {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Not under the lock: dropping it wakes the exchanges.
        drop(connection);
    }
}

struct Usage {
    /// The peer's limit as last seen.
    allowed: AtomicUsize,
    /// Whether it was used since the reaper's last sweep.
    was_used: AtomicBool,
}

/// One exchange's slot on a connection.
pub(super) struct Stream<B> {
    sender: SendRequest<Upload<B>>,
    in_flight: InFlight,
}

impl<B> Http2<B> {
    /// Spawns the task that drives `connection`, which was built with `exchanges` as its executor.
    pub(super) fn start<T>(
        sender: SendRequest<Upload<B>>,
        connection: Connection<Watched<T>, Upload<B>, Exchanges>,
        exchanges: Exchanges,
    ) -> Self
    where
        T: Read + Write + Send + Unpin + 'static,
        B: SendBody,
    {
        let usage = Arc::new(Usage {
            allowed: AtomicUsize::new(UNKNOWN_STREAMS),
            was_used: AtomicBool::new(true),
        });
        let connection: Box<dyn Peer> = Box::new(connection);
        let driver = Driver(Arc::new(Mutex::new(Some(connection))));
        let (connection, current) = (driver.0.clone(), usage.clone());
        tokio::spawn(poll_fn(move |cx| {
            let mut connection = driver.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(connection) = &mut *connection else { return Poll::Ready(()) };
            let ended = connection.poll_end(cx);
            current.allowed.store(connection.allowed(), Ordering::Relaxed);
            ended
        }));
        Self { sender, connection, exchanges, usage, sweeps_left: SWEEPS }
    }

    /// Completes when the peer's SETTINGS have arrived, on a timeout, or when the connection is
    /// gone.
    pub(super) fn settings_arrived(
        &self,
        mut reads: watch::Receiver<()>,
    ) -> impl Future<Output = ()> + Send + use<B> {
        let (connection, usage) = (self.connection.clone(), self.usage.clone());
        let have_arrived = move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let allowed = connection.as_ref().map_or(0, |connection| connection.allowed());
            usage.allowed.store(allowed, Ordering::Relaxed);
            allowed != UNKNOWN_STREAMS
        };
        let arrived = async move { while !have_arrived() && reads.changed().await.is_ok() {} };
        async move { drop(timeout(SETTINGS_TIMEOUT, arrived).await) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn load(&self) -> usize {
        self.exchanges.count()
    }

    /// Returns true if one more exchange may start: fewer than `most` run, and the peer allows
    /// more.
    pub(super) fn has_room(&self, most: usize) -> bool {
        let load = self.load();
        load < most
            && match self.allowed() {
                UNKNOWN_STREAMS => load == 0,
                allowed => load < allowed,
            }
    }

    /// How many streams the peer allows. The peer may change it at any time without waking the
    /// task.
    fn allowed(&self) -> usize {
        match self.connection.try_lock() {
            Ok(connection) => connection.as_ref().map_or(0, |connection| connection.allowed()),
            // The task is driving the connection: use what it saw last time.
            Err(_) => self.usage.allowed.load(Ordering::Relaxed),
        }
    }

    pub(super) fn stream(&self) -> Stream<B> {
        self.usage.was_used.store(true, Ordering::Relaxed);
        Stream { sender: self.sender.clone(), in_flight: self.exchanges.begin() }
    }

    /// Counts a sweep. Returns true if the connection was unused for too many of them.
    pub(super) fn look(&mut self) -> bool {
        let was_used = self.usage.was_used.swap(false, Ordering::Relaxed) || self.load() > 0;
        self.sweeps_left = if was_used { SWEEPS } else { self.sweeps_left.saturating_sub(1) };
        self.sweeps_left == 0
    }

    /// Returns true if the stream is on this connection.
    pub(super) fn carries(&self, stream: &InFlight) -> bool {
        self.exchanges.carry(stream)
    }
}

impl<B> Stream<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    /// Sends the request and waits for the response head.
    pub(super) async fn send(
        mut self,
        request: Request<B>,
    ) -> Result<Response<ClientBody>, (Failed<B>, InFlight)> {
        let request = TrackedBody::request(request, None).map(|body| self.in_flight.upload(body));
        match self.sender.try_send_request(request).await {
            Ok(response) => {
                Ok(response.map(|incoming| ClientBody::http2(incoming, self.in_flight)))
            }
            Err(mut error) => {
                let unsent = error
                    .take_message()
                    .map(|request| request.map(|upload| upload.into_inner().into_inner()));
                Err(((error.into_error(), unsent), self.in_flight))
            }
        }
    }
}
