//! Whether an answer that is being read is to be kept, and what is kept of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Version, header};
use tokio::time::Instant;

use super::asked::Policy;
use super::compact;
use super::counts::NotStored;
use super::entry::{CacheEntry, NewEntry};
use super::kept::{kept, varies_by_more};
use super::key::CachePlace;
use super::sealed::KeySeal;
use super::store::{Broadcast, Generation};
use super::wait::Wait;
use super::writer::Writer;
use crate::context::GatewayContext;
use crate::control::timer::Bound;
use crate::exchange::outlived;
use crate::hook::CacheEntryShown;
use crate::settings::cache::ReplayPace;
use crate::usage::metering::{Metering, Reader};
use crate::usage::{Format, Later, Meter, Terminal};
use crate::util::budget::{BodyBudget, Held};
use crate::util::operation::Operation;
use crate::util::unwind;

/// Where an answer is to be kept, and until when.
#[derive(Clone)]
pub(in crate::control) struct Target {
    pub(super) place: CachePlace,
    /// When the store was looked into.
    pub(super) generation: Generation,
    /// By what its key is shown.
    pub(super) seal: Option<KeySeal>,
    /// How many flights had closed before that.
    pub(super) closed: u64,
    pub(super) policy: Arc<Policy>,
    /// Of the one that asks the provider.
    pub(in crate::control) context: GatewayContext,
    pub(super) writer: Arc<Writer>,
    pub(super) wait: Wait,
    /// What is read of others' answers counts in it.
    pub(super) budget: BodyBudget,
    /// Whether its call is for nobody else, and whether it waited for others before. All clones see it.
    pub(super) is_alone: Arc<AtomicBool>,
    pub(super) has_waited: Arc<AtomicBool>,
}

impl Target {
    /// Its call is for nobody else: it waited too long for others, or there were too many of them.
    pub(in crate::control) fn ask_alone(&self) {
        self.is_alone.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// It waits for others, whose time is its provider's, too.
    pub(super) fn wait_for_others(&self) {
        self.has_waited.store(true, Ordering::Relaxed);
    }

    /// Until when its own call must have a head, where it has waited for others before that.
    pub(in crate::control) fn head_bound(&self) -> Option<Bound> {
        self.wait.head.filter(|_| self.has_waited.load(Ordering::Relaxed))
    }

    /// Whether an answer under way with this status is one that is kept here, too. It is not old: a recording
    /// is there for seconds behind its end, and nothing is kept for less than a minute.
    pub(in crate::control) fn takes(&self, status: StatusCode) -> bool {
        is_kept(status, &self.policy)
    }

    /// Says which entry it is, if anybody is told of the exchange.
    pub(in crate::control) fn show<B>(&self, response: &mut Response<B>) {
        if let Some(seal) = self.seal.as_ref().filter(|_| self.context.observer().is_some()) {
            let key = seal.seal(self.place.gateway, self.place.key);
            response.extensions_mut().insert(CacheEntryShown(key.to_string().into()));
        }
    }
}

/// Reads an answer beside those that it is for, and says at its end whether it is kept.
pub(super) struct Storing {
    target: Target,
    /// Other processes that want the same answer.
    broadcast: Option<Box<dyn Broadcast>>,
    /// It has ended as its framing says, though it is not kept.
    pub(super) is_whole: bool,
    reader: Reader,
    /// All of it was read.
    is_read: bool,
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

/// The statuses that are kept: 200, or those that a rule names; not those that promise an answer, or give
/// a part of one.
pub(super) fn is_kept(status: StatusCode, policy: &Policy) -> bool {
    let is_partial = matches!(
        status,
        StatusCode::ACCEPTED | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
    );
    let is_listed = match &*policy.statuses {
        [] => status == StatusCode::OK,
        statuses => statuses.contains(&status.as_u16()),
    };
    status.is_success() && !is_partial && is_listed
}

/// Whether an answer that no meter reads is what was asked for: no page of a proxy that says something else.
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
        if reader.is_encoded() {
            return Err(NotStored::Encoded);
        }
        if reader.meter().is_none() && !is_media(headers, context.operation()) {
            return Err(NotStored::MediaType);
        }
        let is_delimited = length.is_some()
            || headers.contains_key(header::TRANSFER_ENCODING)
            || response.version() >= Version::HTTP_2;
        let times = (policy.pace == ReplayPace::Recorded).then(|| (Instant::now(), Vec::new()));
        Ok(Self {
            target,
            broadcast,
            is_whole: false,
            reader,
            is_read: false,
            is_stream,
            is_delimited,
            times,
        })
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
        self.is_read = true;
        if self.target.context.is_flagged() {
            return Err(NotStored::Flagged);
        }
        let Some(meter) = self.reader.meter() else {
            return if self.is_delimited { Ok(()) } else { Err(NotStored::Incomplete) };
        };
        if meter.error().is_some() || meter.terminal() == Some(Terminal::Failed) {
            return Err(NotStored::Error);
        }
        if meter.is_unfinished()
            || matches!(meter.later(), Some((_, Later::Background | Later::Pending)))
        {
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

    /// Whether other processes read it. A store of the host's may say so.
    pub(super) fn is_followed(&self) -> bool {
        let Some(broadcast) = &self.broadcast else { return false };
        unwind::call(|| broadcast.is_followed()).unwrap_or(false)
    }

    /// What is kept of an answer that is [whole](Self::look).
    pub(super) fn entry(&mut self, whole: Whole, held: Held) -> CacheEntry {
        let Whole { status, headers, frames, trailers } = whole;
        let (headers, frames) = (compact::headers(&headers), compact::frames(frames));
        let trailers = trailers.map(|trailers| compact::headers(&kept(&trailers)));
        let Policy { fresh_for, stale_for, .. } = *self.target.policy;
        let times = self.times.take().map(|(_, times)| times).unwrap_or_default();
        let stored_at = SystemTime::now();
        let entry =
            NewEntry { status, headers, frames, times, trailers, stored_at, fresh_for, stale_for };
        CacheEntry::new(entry).counted(held)
    }

    /// There was no memory for it.
    pub(super) fn make_room(&self) {
        self.target.writer.make_room();
    }

    /// Gives it to the store.
    pub(super) fn commit(mut self, entry: CacheEntry) {
        let Target { place, generation, ref writer, .. } = self.target;
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
        let context = &self.target.context;
        if let Some(reserved) = context.reserved() {
            // Its exchange may be over. A store of the host's is called.
            let told = || self.is_read.then(|| outlived::told(context, &self.reader)).flatten();
            let _ = unwind::call(|| reserved.came(context, told()));
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

    /// For how long it may be given, and for how much longer where the provider fails: neither longer than
    /// it was stored for, nor than its reader wants.
    fn times(&self, policy: &Policy) -> (Duration, Duration) {
        let NewEntry { fresh_for, stale_for, .. } = self.parts();
        (*fresh_for.min(&policy.fresh_for), *stale_for.min(&policy.stale_for))
    }

    /// Whether it may be given to this reader.
    pub(super) fn is_fresh(&self, now: SystemTime, policy: &Policy) -> bool {
        is_kept(self.parts().status, policy) && self.age(now) < self.times(policy).0
    }

    /// Whether it may be given to this reader at least where the provider fails.
    pub(super) fn is_spare(&self, now: SystemTime, policy: &Policy) -> bool {
        let (fresh_for, stale_for) = self.times(policy);
        is_kept(self.parts().status, policy) && self.age(now) < fresh_for.saturating_add(stale_for)
    }

    /// Whether it may be given to anybody at least where the provider fails.
    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        let NewEntry { fresh_for, stale_for, .. } = self.parts();
        self.age(now) < fresh_for.saturating_add(*stale_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(fresh_for: u64, stale_for: u64, statuses: &[u16]) -> Policy {
        Policy {
            fresh_for: Duration::from_secs(fresh_for),
            stale_for: Duration::from_secs(stale_for),
            is_shared: false,
            pace: ReplayPace::AtOnce,
            most_request_bytes: 1,
            most_response_bytes: 1,
            statuses: statuses.into(),
            custom: Some("what was asked".into()),
        }
    }

    #[test]
    fn an_entry_is_as_old_as_its_reader_lets_it_be() {
        let now = SystemTime::now();
        let entry = CacheEntry::new(NewEntry {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            frames: vec![Bytes::from_static(b"text")],
            times: Vec::new(),
            trailers: None,
            stored_at: now - Duration::from_secs(100),
            fresh_for: Duration::from_secs(200),
            stale_for: Duration::from_secs(200),
        });
        for (policy, expected) in [
            (policy(150, 0, &[]), (true, true)),
            (policy(900, 0, &[]), (true, true)),
            (policy(60, 0, &[]), (false, false)),
            (policy(60, 60, &[]), (false, true)),
            (policy(60, 30, &[]), (false, false)),
            (policy(150, 150, &[201]), (false, false)),
            (policy(150, 0, &[200, 201]), (true, true)),
        ] {
            let got = (entry.is_fresh(now, &policy), entry.is_spare(now, &policy));
            assert_eq!(got, expected, "{policy:?}");
        }
        let late = now + Duration::from_secs(250);
        assert!(!entry.is_spare(late, &policy(150, 150, &[])) && entry.is_usable(late));
        for shown in [format!("{:?}", policy(1, 1, &[])), format!("{:?}", entry.parts())] {
            assert!(!shown.contains("text") && !shown.contains("asked"), "{shown}");
        }
    }

    #[test]
    fn only_200_is_kept_unless_a_rule_names_others() {
        let kept = |status, statuses: &[u16]| {
            is_kept(StatusCode::from_u16(status).unwrap(), &policy(1, 1, statuses))
        };
        assert!(kept(200, &[]) && kept(201, &[201]) && !kept(200, &[201]));
        for status in [201, 203, 204, 207, 300, 404] {
            assert!(!kept(status, &[]), "{status}");
        }
        for status in [202, 205, 206] {
            assert!(!kept(status, &[status]), "{status}");
        }
    }

    #[test]
    fn what_no_meter_reads_is_kept_by_its_media_type() {
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
