//! Reads a response that another process gets from the provider.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use redis::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::leading::{BETWEEN_ATTEMPTS, KEPT, LEASE};
use super::names::Name;
use super::queue::BATCH;
use super::record::{Part, parts};
use super::room::Room;
use super::scripts::call;
use super::shared::{Shared, flag, millis};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::key::CachePlace;
use crate::control::cache::store::{CacheStoreError, Followed, Generation};
use crate::control::redis::{Failure, LinkError};
use crate::util::budget::BodyBudget;

/// The pause between two reads while data arrives …
const PAUSE: Duration = Duration::from_millis(4);
/// … and the time without data after which the pause is longer.
const QUIET: Duration = Duration::from_secs(2);
const PAUSE_QUIET: Duration = Duration::from_millis(8);
/// The timeout of a read.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of batches in a read. Together they are no longer than one batch may be, unless the
/// first alone is longer: no budget counts what a reader holds of them.
const BATCHES: u64 = 8;

/// Reads one recording.
pub(super) struct Reader {
    shared: Arc<Shared>,
    place: CachePlace,
    token: Vec<u8>,
    lease: Name,
    recording: Name,
    /// The number of the next batch.
    number: u64,
    /// The head, once it is read.
    head: Option<(StatusCode, HeaderMap)>,
    read: VecDeque<Part>,
    /// The length of the data that was read, and its digest.
    bytes: usize,
    digest: Sha256,
    /// When data last arrived.
    came_at: Instant,
    /// Counts the stored entry, if the rest is read from it …
    budget: BodyBudget,
    /// … and that entry, to keep its memory counted.
    stored: Option<CacheEntry>,
    _permit: OwnedSemaphorePermit,
}

/// The rest of the response is lost.
struct Lost;

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        place: &CachePlace,
        generation: Generation,
        token: Vec<u8>,
        budget: BodyBudget,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            place: *place,
            lease: shared.names.lease(place, generation),
            recording: shared.names.recording(place, generation, &token),
            shared,
            token,
            number: 0,
            head: None,
            read: VecDeque::new(),
            bytes: 0,
            digest: Sha256::new(),
            came_at: Instant::now(),
            budget,
            stored: None,
            _permit: permit,
        }
    }

    /// The response, once its head is there; `None` if the leader ended before.
    pub(super) async fn follow(mut self) -> Result<Option<Followed>, CacheStoreError> {
        let (status, headers) = match self.next().await {
            Ok(Part::Head(status, headers)) => (status, headers),
            Ok(Part::End(_)) => return Err(CacheStoreError::Unshared),
            Ok(Part::Data(_)) | Err(Lost) => return Ok(None),
        };
        self.head = Some((status, headers.clone()));
        let body = Box::pin(Reading { state: State::Waiting(Box::new(self)) });
        Ok(Some(Followed { status, headers, body }))
    }

    /// The next part. If the recording is gone, the rest comes from the stored entry, if there is one.
    async fn next_or_stored(&mut self) -> Result<Part, Lost> {
        match self.next().await {
            Ok(part) => Ok(part),
            Err(Lost) => {
                let entry = self.stored().await.ok().flatten().ok_or(Lost)?;
                self.read = self.rest_of(&entry).ok_or(Lost)?;
                self.stored = Some(entry);
                self.read.pop_front().ok_or(Lost)
            }
        }
    }

    /// The stored entry, once the budget has room for it.
    async fn stored(&self) -> Result<Option<CacheEntry>, Failure> {
        let Some(bytes) = self.shared.weight(&self.place).await? else { return Ok(None) };
        let Some(room) = Room::wait(&self.budget, bytes).await else { return Ok(None) };
        Ok(self.shared.get(&self.place, room).await?.entry)
    }

    /// The rest of the entry, after the data that was read; `None` if it is the entry of another response.
    fn rest_of(&self, entry: &CacheEntry) -> Option<VecDeque<Part>> {
        let parts = entry.parts();
        let is_same = |(status, headers): &(StatusCode, HeaderMap)| {
            *status == parts.status && *headers == parts.headers
        };
        if !self.head.as_ref().is_some_and(is_same) {
            return None;
        }
        let (mut skip, mut digest) = (self.bytes, Sha256::new());
        let mut rest = VecDeque::new();
        for frame in &parts.frames {
            let mut frame = frame.clone();
            let known = frame.split_to(skip.min(frame.len()));
            skip -= known.len();
            digest.update(&known);
            if !frame.is_empty() {
                rest.push_back(Part::Data(frame));
            }
        }
        rest.push_back(Part::End(parts.trailers.clone()));
        (skip == 0 && digest.finalize() == self.digest.clone().finalize()).then_some(rest)
    }

    async fn next(&mut self) -> Result<Part, Lost> {
        let mut answered_at = Instant::now();
        loop {
            if let Some(part) = self.read.pop_front() {
                return Ok(part);
            }
            match self.look().await {
                Ok(Some(batches)) if batches.is_empty() => answered_at = Instant::now(),
                Ok(Some(batches)) => {
                    self.came_at = Instant::now();
                    // Batches before a corrupt one are good.
                    if self.read(batches).is_err() && self.read.is_empty() {
                        return Err(Lost);
                    }
                    continue;
                }
                Ok(None) => return Err(Lost),
                // The failure may be short.
                Err(_) if answered_at.elapsed() < LEASE => sleep(BETWEEN_ATTEMPTS).await,
                Err(_) => return Err(Lost),
            }
            let is_quiet = self.came_at.elapsed() >= QUIET;
            sleep(if is_quiet { PAUSE_QUIET } else { PAUSE }).await;
        }
    }

    fn read(&mut self, batches: Vec<Bytes>) -> Result<(), Lost> {
        for batch in batches {
            let parts = parts(&batch, self.number, self.place.key, &self.token).ok_or(Lost)?;
            for part in &parts {
                if let Part::Data(data) = part {
                    self.bytes += data.len();
                    self.digest.update(data);
                }
            }
            self.read.extend(parts);
            self.number += 1;
        }
        Ok(())
    }

    /// The next batches; `None` if there will be none.
    async fn look(&mut self) -> Result<Option<Vec<Bytes>>, Failure> {
        let client = &self.shared.client;
        let mut follow = call(&self.shared.scripts.follow, &[&self.lease, &self.recording]);
        follow.text(&self.token);
        follow.number(self.number);
        follow.number(self.number + BATCHES - 1);
        follow.number(millis(KEPT));
        follow.number(BATCH as u64);
        let question = async { answer(follow.send(&client.link).await?) };
        let (is_held, count, batches) = client.ask_beside(LOOK_TIMEOUT, question).await?;
        // Fewer batches than were read: some are lost.
        let is_over = count < self.number || (batches.is_empty() && !is_held);
        Ok((!is_over).then_some(batches))
    }
}

fn answer(value: Value) -> Result<(bool, u64, Vec<Bytes>), LinkError> {
    let Value::Array(values) = value else { return Err(LinkError::malformed()) };
    let Ok([is_held, Value::Int(count), Value::Array(batches)]) = <[Value; 3]>::try_from(values)
    else {
        return Err(LinkError::malformed());
    };
    let batch = |value| match value {
        Value::BulkString(bytes) => Ok(Bytes::from(bytes)),
        _ => Err(LinkError::malformed()),
    };
    let batches = batches.into_iter().map(batch).collect::<Result<_, _>>()?;
    let count = u64::try_from(count).map_err(|_| LinkError::malformed())?;
    Ok((flag(&is_held)?, count, batches))
}

/// The body. It reads only when it is polled.
struct Reading {
    state: State,
}

type Next = Pin<Box<dyn Future<Output = (Box<Reader>, Result<Part, Lost>)> + Send>>;

enum State {
    Waiting(Box<Reader>),
    Asking(Next),
    Trailers(HeaderMap),
    Ended,
}

impl Body for Reading {
    type Data = Bytes;
    type Error = CacheStoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CacheStoreError>>> {
        loop {
            let part = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Trailers(trailers) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                State::Waiting(mut reader) => match reader.read.pop_front() {
                    Some(part) => {
                        self.state = State::Waiting(reader);
                        Ok(part)
                    }
                    None => {
                        self.state = State::Asking(Box::pin(async move {
                            let part = reader.next_or_stored().await;
                            (reader, part)
                        }));
                        continue;
                    }
                },
                State::Asking(mut next) => match next.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Asking(next);
                        return Poll::Pending;
                    }
                    Poll::Ready((reader, part)) => {
                        self.state = State::Waiting(reader);
                        part
                    }
                },
            };
            match part {
                Ok(Part::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Part::End(Some(trailers))) => self.state = State::Trailers(trailers),
                Ok(Part::End(None)) => self.state = State::Ended,
                Ok(Part::Head(..)) | Err(Lost) => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Err(CacheStoreError::Broken)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}
