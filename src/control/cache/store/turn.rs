//! Which of several processes asks the provider, and what it tells the others.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Body;

use super::{CacheFuture, CacheStoreError};
use crate::control::cache::entry::CacheEntry;

/// Who asks the provider.
pub enum Turn {
    /// This process. Other processes that want the same answer are told of it by the broadcast.
    Lead(Option<Box<dyn Broadcast>>),
    /// Another process does: what it gets comes here, too. `None` where it came to nothing before its
    /// head, and it is time to ask again whose turn it is.
    Follow(CacheFuture<'static, Option<Followed>>),
}

/// What a process that asks the provider tells the others. No method blocks: what cannot be told within
/// bounds is not told, and those who follow ask the provider themselves or are broken off. Dropped before
/// [`end`](Self::end), it has come to nothing.
///
/// A broadcast of whole answers alone, to whatever hears of them:
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
    /// The head, as it will be kept.
    fn head(&mut self, status: StatusCode, headers: &HeaderMap);

    /// The next frame.
    fn data(&mut self, data: &Bytes);

    /// Whether other processes read it, as far as is known: where nobody here does any more, it is got for
    /// them as long as this holds. Default: no.
    fn is_followed(&self) -> bool {
        false
    }

    /// The trailers, as they will be kept. Nothing but the end comes behind them. Default: does nothing.
    fn trailers(&mut self, trailers: &HeaderMap) {
        let _ = trailers;
    }

    /// It has turned out that the answer is not kept, and it goes on for those who follow: they are to get
    /// the rest, and whoever comes now is to ask the provider. Default: does nothing.
    fn not_kept(&mut self) {}

    /// `written` is to be called once it is known whether the answer that [`end`](Self::end) is given was
    /// kept. Default: calls it at once, as if it were.
    fn on_written(&mut self, written: Box<dyn FnOnce(bool) + Send>) {
        written(true);
    }

    /// The answer is whole: keeps it, unless somebody else has taken over since or it was purged. `None`:
    /// it is not to be kept, though it is whole.
    fn end(self: Box<Self>, entry: Option<CacheEntry>);
}

/// An answer that another process is getting.
pub struct Followed {
    /// The status.
    pub status: StatusCode,
    /// The headers as they are kept.
    pub headers: HeaderMap,
    /// The frames as they come. An error: the answer has broken off.
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
