//! Reads a response as it passes, and decides at its end whether to store it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Version, header};
use tokio::time::Instant;

use super::asked::Policy;
use super::compact;
use super::counts::NotStored;
use super::entry::{CacheEntry, NewEntry};
use super::fit::is_kept;
use super::framing::{declared, has_other_coding, is_chunked};
use super::kept::varies_by_more;
use super::metered::Metered;
use super::store::Broadcast;
use super::target::Target;
use crate::settings::cache::ReplayPace;
use crate::usage::metering::{Metering, Reader};
use crate::usage::{Format, Later, Meter};
use crate::util::budget::Held;
use crate::util::operation::Operation;
use crate::util::unwind;

/// Broadcasts a response as it passes, and decides at its end whether to store it.
pub(super) struct Storing {
    target: Arc<Target>,
    /// Sends the response to other processes.
    broadcast: Option<Box<dyn Broadcast>>,
    /// The response ended as its framing says, though it is not stored.
    pub(super) is_whole: bool,
    is_stream: bool,
    /// The framing marks the end, so that a lost connection is not taken for it.
    is_delimited: bool,
    /// When the head came, and when each frame came in milliseconds after that; `None` if the entry is
    /// never replayed at its recorded pace.
    times: Option<(Instant, Vec<u32>)>,
}

/// The head, as followers get it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

/// Whether a response that no meter reads is a result, and not a page of a proxy.
fn is_media(headers: &HeaderMap, operation: Operation) -> bool {
    use Operation::{Embeddings, Images, Ocr, Speech, Transcription};
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_page = matches!(&*kind, "" | "text/html" | "application/xhtml+xml");
    let is_media = kind == "application/octet-stream"
        || ["audio/", "image/", "video/"].iter().any(|start| kind.starts_with(start));
    !is_page
        && (is_media || matches!(operation, Embeddings | Images | Ocr | Speech | Transcription))
}

impl Storing {
    /// For a response with this head, with a reader for its usage. An error, which leaves the broadcast, if
    /// the head shows that the response is not stored.
    pub(super) fn new<B>(
        response: &Response<B>,
        target: Arc<Target>,
        broadcast: &mut Option<Box<dyn Broadcast>>,
    ) -> Result<(Self, Metered), NotStored> {
        let Target { policy, context, .. } = &*target;
        let headers = response.headers();
        let length = declared(headers);
        if !is_kept(response.status(), policy) {
            return Err(NotStored::Status);
        }
        if context.step() != 0 {
            return Err(NotStored::Fallback);
        }
        if context.is_flagged() {
            return Err(NotStored::Flagged);
        }
        if length.is_some_and(|length| length > policy.most_response_bytes) {
            return Err(NotStored::TooLarge);
        }
        if varies_by_more(headers) {
            return Err(NotStored::Varies);
        }
        let format = Format::of(headers.get(header::CONTENT_TYPE));
        let is_stream = Format::is_stream(format, context.call_path());
        let reader = Reader::new(headers, format, context.shape(), Meter::LIMIT, 0);
        if reader.is_encoded() || length.is_none() && has_other_coding(headers) {
            return Err(NotStored::Encoded);
        }
        if !reader.is_metering() && !is_media(headers, context.operation()) {
            return Err(NotStored::MediaType);
        }
        let is_delimited =
            length.is_some() || is_chunked(headers) || response.version() >= Version::HTTP_2;
        let times = (policy.pace == ReplayPace::Recorded).then(|| (Instant::now(), Vec::new()));
        let metered = Metered::new(context.clone(), reader);
        let (broadcast, is_whole) = (broadcast.take(), false);
        let storing = Self { target, broadcast, is_whole, is_stream, is_delimited, times };
        Ok((storing, metered))
    }

    /// Broadcasts the head.
    pub(super) fn begins(&mut self, head: &Head) {
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.head(head.status, &head.headers);
        }
    }

    /// Broadcasts the trailers.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.trailers(trailers);
        }
    }

    pub(super) fn push(&mut self, data: &Bytes) {
        if let Some((began, times)) = &mut self.times {
            times.push(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
        }
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.data(data);
        }
    }

    /// Whether to store a response that has ended as its framing says.
    pub(super) fn look(&self, metered: &Metered) -> Result<(), NotStored> {
        let Some(meter) = metered.reader().meter() else {
            return if self.is_delimited { Ok(()) } else { Err(NotStored::Incomplete) };
        };
        if metered.has_failed() {
            return Err(NotStored::Error);
        }
        if meter.is_unfinished()
            || matches!(meter.later(), Some((_, Later::Background | Later::Pending)))
            || metered.tells_where_to_fetch()
        {
            return Err(NotStored::Deferred);
        }
        let reader = metered.reader();
        let metering = reader.reading().metering(true);
        // The marker may come before the last bytes of a compressed body, which strict clients need.
        if metering != Metering::Complete || !reader.is_decoded() {
            return Err(NotStored::Incomplete);
        }
        let is_stream = self.is_stream || meter.is_stream();
        let is_whole = match is_stream && meter.shape().has_marker() {
            true => meter.terminal().is_some(),
            false => !is_stream || self.is_delimited,
        };
        if is_whole { Ok(()) } else { Err(NotStored::Incomplete) }
    }

    /// Whether the response is broadcast.
    pub(super) fn is_broadcast(&self) -> bool {
        self.broadcast.is_some()
    }

    /// Whether other processes read the response. A broadcast of the host may panic.
    pub(super) fn is_followed(&self) -> bool {
        let Some(broadcast) = &self.broadcast else { return false };
        unwind::call(|| broadcast.is_followed()).unwrap_or(false)
    }

    /// The response is not stored. Returns whether the broadcast goes on for processes that read it.
    pub(super) fn broadcasts_on(&mut self) -> bool {
        self.times = None;
        let Some(broadcast) = &mut self.broadcast else { return false };
        unwind::call(|| broadcast.not_kept()).is_ok()
    }

    /// The entry of a response that is [whole](Self::look).
    pub(super) fn entry(&mut self, whole: Whole, held: Option<Held>) -> CacheEntry {
        let Whole { status, headers, frames, trailers } = whole;
        let frames = compact::frames(frames);
        let Policy { fresh_for, stale_for, .. } = *self.target.policy;
        let times = self.times.take().map(|(_, times)| times).unwrap_or_default();
        let stored_at = SystemTime::now();
        let entry =
            NewEntry { status, headers, frames, times, trailers, stored_at, fresh_for, stale_for };
        CacheEntry::with(entry, held)
    }

    /// No memory was left for the response.
    pub(super) fn make_room(&self) {
        self.target.writer.make_room();
    }

    /// Stores the entry.
    pub(super) fn commit(mut self, entry: CacheEntry) {
        let Target { place, generation, ref writer, .. } = *self.target;
        match self.broadcast.take() {
            Some(mut broadcast) => {
                broadcast.on_written(writer.counts.clone().on_written());
                broadcast.end(Some(entry));
            }
            None => writer.write(place, entry, generation),
        }
    }
}

impl Drop for Storing {
    fn drop(&mut self) {
        if self.is_whole
            && let Some(broadcast) = self.broadcast.take()
        {
            broadcast.end(None);
        }
    }
}

/// The parts of an entry, once the response has ended.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) frames: Vec<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmetered_responses_are_stored_by_media_type() {
        let is = |kind: Option<&'static str>, operation| {
            let mut headers = HeaderMap::new();
            if let Some(kind) = kind {
                headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
            }
            is_media(&headers, operation)
        };
        for kind in ["audio/mpeg", "Image/PNG; a=b", "video/mp4", "application/octet-stream"] {
            assert!(is(Some(kind), Operation::Chat), "{kind}");
        }
        for kind in [None, Some(""), Some("text/html; charset=utf-8"), Some("TEXT/HTML")] {
            assert!(!is(kind, Operation::Chat) && !is(kind, Operation::Speech), "{kind:?}");
        }
        assert!(!is(Some("text/plain"), Operation::Chat));
        assert!(is(Some("text/plain"), Operation::Transcription));
    }
}
