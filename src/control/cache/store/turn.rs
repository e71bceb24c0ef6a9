//! Which of several processes calls the provider, and what it sends to the others.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Body;

use super::{CacheFuture, CacheStoreError};
use crate::control::cache::entry::CacheEntry;

/// Which process calls the provider.
pub enum Turn {
    /// This process leads. The broadcast sends the response to the other processes.
    Lead(Option<Box<dyn Broadcast>>),
    /// Another process leads: the future gives its response. `None`: the leader ended before its head, and
    /// the follower should ask for a turn again. [`CacheStoreError::Unshared`]: each follower calls the
    /// provider, with its whole head timeout.
    Follow(CacheFuture<'static, Option<Followed>>),
}

/// Sends a response from the leading process to the others. No method blocks. A response that exceeds the
/// bounds of a broadcast ends early: its followers call the provider, or break off if they had the head.
/// Dropped before [`end`](Self::end), a broadcast has failed.
///
/// A broadcast that only passes on whole responses:
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use http::{HeaderMap, StatusCode};
/// use tower_ai_gateway::control::cache::{Broadcast, CacheEntry};
///
/// struct Whole<F> {
///     answer: BytesMut,
///     tell: F,
/// }
///
/// impl<F: FnOnce(Bytes) + Send> Broadcast for Whole<F> {
///     fn head(&mut self, _: StatusCode, _: &HeaderMap) {}
///
///     fn data(&mut self, data: &Bytes) {
///         self.answer.extend_from_slice(data);
///     }
///
///     fn end(self: Box<Self>, _: Option<CacheEntry>) {
///         (self.tell)(self.answer.freeze());
///     }
/// }
///
/// let mut broadcast = Box::new(Whole {
///     answer: BytesMut::new(),
///     tell: |answer| assert_eq!(answer, "all of it"),
/// });
/// broadcast.data(&Bytes::from("all "));
/// broadcast.data(&Bytes::from("of it"));
/// broadcast.end(None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Broadcast`",
    note = "implement the trait, or lead without one: `Turn::Lead(None)`"
)]
pub trait Broadcast: Send {
    /// The head, as it would be stored.
    fn head(&mut self, status: StatusCode, headers: &HeaderMap);

    /// The next frame.
    fn data(&mut self, data: &Bytes);

    /// Whether other processes read the response, as far as is known. While they do, this process reads it
    /// for them even if its own clients have left. Default: no.
    fn is_followed(&self) -> bool {
        false
    }

    /// The trailers, as they would be stored. Only the end follows. Default: does nothing.
    fn trailers(&mut self, trailers: &HeaderMap) {
        let _ = trailers;
    }

    /// The response will not be stored, but goes on for its followers: they get the rest, and new requests
    /// call the provider. Default: does nothing.
    fn not_kept(&mut self) {}

    /// In place of the head: the provider has answered, and the response is not shared. Followers should call
    /// the provider at once. Default: drops the broadcast, so they decide anew who leads.
    fn unshared(self: Box<Self>) {}

    /// Call `written` once it is known whether the entry passed to [`end`](Self::end) was stored. Default:
    /// calls it at once with `true`.
    fn on_written(&mut self, written: Box<dyn FnOnce(bool) + Send>) {
        written(true);
    }

    /// The response is complete. Stores the entry, unless another process has taken over the lead or a
    /// purge came between. `None`: the response is not stored.
    fn end(self: Box<Self>, entry: Option<CacheEntry>);
}

/// A response that another process reads from the provider.
pub struct Followed {
    /// The status.
    pub status: StatusCode,
    /// The headers, as they would be stored.
    pub headers: HeaderMap,
    /// The frames as they arrive. An error: the response broke off.
    pub body: Pin<Box<dyn Body<Data = Bytes, Error = CacheStoreError> + Send>>,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lead(_) => "Lead",
            Self::Follow(_) => "Follow",
        })
    }
}

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed").field("status", &self.status).finish_non_exhaustive()
    }
}
