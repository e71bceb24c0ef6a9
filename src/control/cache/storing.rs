//! Whether an answer that is being read is to be kept, and what is kept of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Version, header};
use tokio::time::Instant;

use super::asked::Policy;
use super::counts::NotStored;
use super::entry::{CacheEntry, NewEntry};
use super::kept::varies_by_more;
use super::key::CachePlace;
use super::store::{Broadcast, Generation};
use super::writer::Writer;
use crate::context::GatewayContext;
use crate::settings::cache::ReplayPace;
use crate::usage::metering::{Metering, Reader};
use crate::usage::{Format, Later, Meter, Terminal};
use crate::util::budget::Held;

/// Where an answer is to be kept, and until when.
#[derive(Clone)]
pub(in crate::control) struct Target {
    pub(super) place: CachePlace,
    /// When the store was looked into.
    pub(super) generation: Generation,
    /// How many flights had closed before that.
    pub(super) closed: u64,
    pub(super) policy: Arc<Policy>,
    /// Of the one that asks the provider.
    pub(in crate::control) context: GatewayContext,
    pub(super) writer: Arc<Writer>,
}

/// Reads an answer beside those that it is for, and says at its end whether it is kept.
pub(super) struct Storing {
    target: Target,
    /// Other processes that want the same answer.
    broadcast: Option<Box<dyn Broadcast>>,
    /// It has ended as its framing says, though it is not kept.
    pub(super) is_whole: bool,
    reader: Reader,
    is_stream: bool,
    /// The framing says where it ends, so that an end is no accident.
    is_delimited: bool,
    /// When it began and when each frame came, where it may be given again at that pace.
    times: Option<(Instant, Vec<u32>)>,
}

/// The head as those get it who have not asked themselves.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

/// The statuses that are kept: not those that promise an answer, or give a part of one.
fn is_kept(status: StatusCode, policy: &Policy) -> bool {
    let is_partial = matches!(
        status,
        StatusCode::ACCEPTED | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
    );
    let is_listed = policy.statuses.is_empty() || policy.statuses.contains(&status.as_u16());
    status.is_success() && !is_partial && is_listed
}

/// The length that the head declares.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Storing {
    /// For an answer with this head, unless that tells that it is not kept.
    pub(super) fn new<B>(
        response: &Response<B>,
        target: Target,
        broadcast: Option<Box<dyn Broadcast>>,
    ) -> Result<Self, NotStored> {
        let Target { policy, context, .. } = &target;
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
        let is_stream = Format::is_stream(format, context.provider_path());
        let reader = Reader::new(headers, format, context.shape(), Meter::LIMIT, 0);
        if reader.is_encoded() && (is_stream || length.is_none()) {
            return Err(NotStored::Encoded);
        }
        let is_delimited = length.is_some()
            || headers.contains_key(header::TRANSFER_ENCODING)
            || response.version() >= Version::HTTP_2;
        let times = (policy.pace == ReplayPace::Recorded).then(|| (Instant::now(), Vec::new()));
        let is_whole = false;
        Ok(Self { target, broadcast, is_whole, reader, is_stream, is_delimited, times })
    }

    /// Tells the others of the head.
    pub(super) fn begins(&mut self, head: &Head) {
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.head(head.status, &head.headers);
        }
    }

    pub(super) fn push(&mut self, data: &Bytes) {
        self.reader.push(data);
        if let Some((began, times)) = &mut self.times {
            times.push(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
        }
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.data(data);
        }
    }

    /// Whether it tells of an error already.
    pub(super) fn has_failed(&self) -> bool {
        self.reader.meter().is_some_and(|meter| meter.error().is_some())
    }

    /// Whether the answer is kept, which has ended as its framing says.
    pub(super) fn look(&mut self) -> Result<(), NotStored> {
        self.reader.finish();
        if self.target.context.is_flagged() {
            return Err(NotStored::Flagged);
        }
        let Some(meter) = self.reader.meter() else {
            return if self.is_delimited { Ok(()) } else { Err(NotStored::Incomplete) };
        };
        if meter.error().is_some() || meter.terminal() == Some(Terminal::Failed) {
            return Err(NotStored::Error);
        }
        if matches!(meter.later(), Some((_, Later::Background | Later::Pending))) {
            return Err(NotStored::Later);
        }
        if self.reader.metering(true) != Metering::Complete {
            return Err(NotStored::Incomplete);
        }
        let is_stream = self.is_stream || meter.is_stream();
        let is_whole = match is_stream && meter.shape().has_marker() {
            true => meter.terminal().is_some(),
            false => !is_stream || self.is_delimited,
        };
        if is_whole { Ok(()) } else { Err(NotStored::Incomplete) }
    }

    /// What is kept of an answer that is [whole](Self::look).
    pub(super) fn entry(&mut self, whole: Whole, held: Held) -> CacheEntry {
        let Whole { status, headers, frames, trailers } = whole;
        let Policy { fresh_for, stale_for, .. } = *self.target.policy;
        let times = self.times.take().map(|(_, times)| times).unwrap_or_default();
        let stored_at = SystemTime::now();
        let entry =
            NewEntry { status, headers, frames, times, trailers, stored_at, fresh_for, stale_for };
        CacheEntry::counted(entry, held)
    }

    /// There was no memory for it.
    pub(super) fn make_room(&self) {
        self.target.writer.make_room();
    }

    /// Gives it to the store.
    pub(super) fn commit(mut self, entry: CacheEntry) {
        let Target { place, generation, ref writer, .. } = self.target;
        match self.broadcast.take() {
            Some(broadcast) => {
                writer.counts.stored.add();
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

/// An answer that has come to its end.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) frames: Vec<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

impl CacheEntry {
    /// How old it is: zero where the clock was set back.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.parts().stored_at).unwrap_or_default()
    }

    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        self.age(now) < self.parts().fresh_for
    }

    /// Whether it may be given at least where the provider fails.
    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        let NewEntry { fresh_for, stale_for, .. } = self.parts();
        self.age(now) < fresh_for.saturating_add(*stale_for)
    }
}
