//! Telling others of an answer that this process is getting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use redis::Value;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep, timeout_at};

use super::both::beside;
use super::names::Name;
use super::record::{Batch, Part};
use super::scripts::call;
use super::shared::{Shared, WRITE_TIMEOUT, millis};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::key::CachePlace;
use crate::control::cache::store::{Broadcast, Generation};
use crate::control::redis::{Failure, LinkError};

/// A lease is over so long after it was last renewed: whoever held it is gone.
pub(super) const LEASE: Duration = Duration::from_secs(5);
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// A recording is kept for so long after it was last written or read.
pub(super) const KEPT: Duration = Duration::from_secs(30);
/// What comes after the first frame waits for more so long while somebody follows …
const PAUSE: Duration = Duration::from_millis(5);
/// … and so long while nobody does.
const PAUSE_ALONE: Duration = Duration::from_millis(100);
/// Others are taken to read on for so long after they have last looked.
const FOLLOWED: Duration = Duration::from_secs(5);
pub(super) const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);
/// Of a longer answer nothing is told any more. It is kept all the same.
const MOST_BYTES: usize = 32 << 20;
/// So much may wait to be sent.
const MOST_WAITING: usize = 8 << 20;
/// So much is sent at once, and without a pause.
pub(super) const BATCH: usize = 128 << 10;
/// A part of the data has so much at most.
const PART: usize = 64 << 10;

/// The end of the answer's side: what it says is queued, and a task sends it.
pub(super) struct Leading {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// There is more to do.
    has_work: Notify,
    /// Others read it.
    is_followed: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Part>,
    bytes: usize,
    /// Bytes so far, of those that wait too.
    told: usize,
    /// It came faster than Redis takes it: nothing is told any more.
    is_cut: bool,
    outcome: Option<Outcome>,
    written: Option<Written>,
}

/// Hears whether the answer was kept.
type Written = Box<dyn FnOnce(bool) + Send>;

enum Outcome {
    Whole(Option<CacheEntry>),
    Broken,
}

impl State {
    /// The next batch, and whether nothing is in it. Only a head makes it longer than [`BATCH`].
    fn batch(&mut self, number: u64) -> (Batch, bool) {
        let (mut batch, mut is_empty) = (Batch::new(number), true);
        while let Some(part) = self.waiting.front() {
            if !is_empty && batch.len() + part.data() > BATCH {
                break;
            }
            self.bytes -= part.data();
            batch.push(part);
            self.waiting.pop_front();
            is_empty = false;
        }
        (batch, is_empty)
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, part: Part) {
        let mut state = self.state();
        if state.outcome.is_some() || state.is_cut {
            return;
        }
        let bytes = part.data();
        if state.told + bytes > MOST_BYTES || state.bytes + bytes > MOST_WAITING {
            state.is_cut = true;
            state.bytes = 0;
            state.waiting = VecDeque::new();
        } else {
            state.told += bytes;
            state.bytes += bytes;
            state.waiting.push_back(part);
        }
        drop(state);
        self.has_work.notify_one();
    }

    /// The first word stands.
    fn end(&self, outcome: Outcome) {
        let mut state = self.state();
        if state.outcome.is_none() {
            if matches!(outcome, Outcome::Broken) {
                state.waiting.clear();
            }
            state.outcome = Some(outcome);
        }
        drop(state);
        self.has_work.notify_one();
    }
}

impl Broadcast for Leading {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.queue.push(Part::Head(status, headers.clone()));
    }

    fn data(&mut self, data: &Bytes) {
        let mut rest = data.clone();
        while !rest.is_empty() {
            self.queue.push(Part::Data(rest.split_to(rest.len().min(PART))));
        }
    }

    fn is_followed(&self) -> bool {
        self.queue.is_followed.load(Ordering::Relaxed)
    }

    fn on_written(&mut self, written: Written) {
        let mut state = self.queue.state();
        if state.outcome.is_none() {
            state.written = Some(written);
            return;
        }
        drop(state);
        written(false);
    }

    fn end(self: Box<Self>, entry: Option<CacheEntry>) {
        self.queue.end(Outcome::Whole(entry));
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.queue.end(Outcome::Broken);
    }
}

/// Holds a lease, and has it renewed until the answer has come to its end.
pub(super) fn lead(
    shared: Arc<Shared>,
    place: CachePlace,
    generation: Generation,
    token: Vec<u8>,
    permit: OwnedSemaphorePermit,
) -> Leading {
    let queue = Arc::<Queue>::default();
    let lease = shared.names.lease(&place, generation);
    let recording = shared.names.recording(&place, generation, &token);
    let now = Instant::now();
    let task = Task {
        queue: queue.clone(),
        shared,
        place,
        generation,
        token,
        lease,
        recording,
        number: 0,
        held_at: now,
        sent_at: now,
        followed_at: None,
        is_cut: false,
    };
    tokio::spawn(async move {
        task.run().await;
        drop(permit);
    });
    Leading { queue }
}

struct Task {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    place: CachePlace,
    generation: Generation,
    token: Vec<u8>,
    lease: Name,
    recording: Name,
    /// Of the next batch.
    number: u64,
    /// When the lease was last known to be held.
    held_at: Instant,
    sent_at: Instant,
    /// When others were last known to read it.
    followed_at: Option<Instant>,
    /// The recording is given up, and the lease is not.
    is_cut: bool,
}

/// Somebody else may hold the lease, or the recording is not whole.
struct Lost;

impl Task {
    async fn run(mut self) {
        let outcome = match self.tell().await {
            Ok(outcome) => outcome,
            Err(Lost) => Outcome::Broken,
        };
        // What is said from now on is not kept, and told to nobody.
        self.queue.is_followed.store(false, Ordering::Relaxed);
        self.queue.end(Outcome::Broken);
        let written = self.queue.state().written.take();
        let is_kept = self.finish(outcome).await;
        if let Some(written) = written {
            written(is_kept);
        }
    }

    /// Keeps the answer, or gives the lease up. Whether it is kept.
    async fn finish(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Broken => self.release(true).await,
            Outcome::Whole(None) => self.release(false).await,
            Outcome::Whole(Some(entry)) => {
                let (shared, place, token) = (self.shared.clone(), self.place, self.token.clone());
                let put = shared.put(&place, entry, self.generation, &token);
                let renewing = async {
                    loop {
                        sleep(RENEW_EVERY).await;
                        let _ = self.append(&[]).await;
                    }
                };
                match beside(put, renewing).await {
                    Ok(true) => return true,
                    Ok(false) | Err(_) => self.release(false).await,
                }
            }
        }
        false
    }

    /// Sends what is said, until the answer is at its end.
    async fn tell(&mut self) -> Result<Outcome, Lost> {
        loop {
            let renewal = self.sent_at + RENEW_EVERY;
            let _ = timeout_at(renewal, self.has_more()).await;
            let was_cut = self.is_cut;
            let (batch, outcome) = self.next();
            if was_cut == self.is_cut
                && batch.is_none()
                && outcome.is_none()
                && Instant::now() < renewal
            {
                continue;
            }
            match outcome {
                Some(Outcome::Broken) => return Ok(Outcome::Broken),
                Some(outcome) => {
                    self.append(&batch.unwrap_or_default()).await?;
                    return Ok(outcome);
                }
                None => self.append(&batch.unwrap_or_default()).await?,
            }
        }
    }

    /// Until there is something to send, and time to send it.
    async fn has_more(&self) {
        loop {
            let has_work = self.queue.has_work.notified();
            let due = {
                let state = self.queue.state();
                // The head and the first frame do not wait, nor does the end.
                let is_due = state.outcome.is_some() || self.number < 2 || state.bytes >= BATCH;
                if state.is_cut && !self.is_cut {
                    return;
                }
                match state.waiting.is_empty() && state.outcome.is_none() {
                    true => None,
                    false if is_due => return,
                    false if self.is_followed() => Some(self.sent_at + PAUSE),
                    false => Some(self.sent_at + PAUSE_ALONE),
                }
            };
            match due {
                None => has_work.await,
                Some(due) if timeout_at(due, has_work).await.is_err() => return,
                Some(_) => {}
            }
        }
    }

    /// What to send next. The outcome where nothing is left after it.
    fn next(&mut self) -> (Option<Vec<u8>>, Option<Outcome>) {
        let queue = self.queue.clone();
        let mut state = queue.state();
        self.is_cut = state.is_cut;
        let (mut batch, mut is_empty) = state.batch(self.number);
        let is_last = state.waiting.is_empty();
        let outcome = state.outcome.take_if(|_| is_last);
        if !self.is_cut
            && let Some(Outcome::Whole(entry)) = &outcome
        {
            let trailers = entry.as_ref().and_then(|entry| entry.parts().trailers.clone());
            batch.push(&Part::End(trailers));
            is_empty = false;
        }
        drop(state);
        let batch = (!is_empty).then(|| batch.finish(self.place.key, &self.token));
        (batch, outcome)
    }

    /// Adds a batch, or nothing; the lease is renewed. Tries again while it may still be held.
    async fn append(&mut self, batch: &[u8]) -> Result<(), Lost> {
        loop {
            match self.append_once(batch).await {
                Ok(0) => return Err(Lost),
                Ok(answer) => {
                    self.number += u64::from(!batch.is_empty());
                    (self.sent_at, self.held_at) = (Instant::now(), Instant::now());
                    if answer == 2 {
                        self.followed_at = Some(self.held_at);
                    }
                    // Nobody reads what is not told any more.
                    let is_followed = self.is_followed() && !self.is_cut;
                    self.queue.is_followed.store(is_followed, Ordering::Relaxed);
                    return Ok(());
                }
                Err(_) if self.held_at.elapsed() >= LEASE => return Err(Lost),
                Err(_) => sleep(BETWEEN_ATTEMPTS).await,
            }
        }
    }

    fn is_followed(&self) -> bool {
        self.followed_at.is_some_and(|at| at.elapsed() < FOLLOWED)
    }

    async fn append_once(&self, batch: &[u8]) -> Result<i64, Failure> {
        let mut append = call(&self.shared.scripts.append, &[&self.lease, &self.recording]);
        append.text(&self.token);
        append.number(millis(LEASE));
        append.number(millis(KEPT));
        match self.is_cut {
            true => append.text(b"cut"),
            false => append.number(self.number),
        }
        append.text(batch);
        let client = &self.shared.client;
        let question = async {
            match append.send(&client.link).await? {
                Value::Int(answer @ 0..=2) => Ok(answer),
                _ => Err(LinkError::malformed()),
            }
        };
        client.ask_beside(WRITE_TIMEOUT, question).await
    }

    /// So that others need not wait for its end.
    async fn release(&self, with_recording: bool) {
        let recording = with_recording.then_some(&self.recording);
        release(&self.shared, &self.lease, recording, &self.token).await;
    }
}

/// Gives a lease up; `token`: it, or the random number in it.
pub(super) async fn release(shared: &Shared, lease: &Name, recording: Option<&Name>, token: &[u8]) {
    let random = token.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
    let keys: Vec<_> = std::iter::once(lease).chain(recording).collect();
    let mut release = call(&shared.scripts.release, &keys);
    release.text(random);
    let question = release.send(&shared.client.link);
    let _ = shared.client.ask_within(WRITE_TIMEOUT, &mut false, question).await;
}

#[cfg(test)]
mod tests {
    use super::super::record::parts;
    use super::*;
    use crate::control::cache::key::CacheKey;

    #[test]
    fn no_batch_is_longer_than_a_follower_may_hold() {
        const KEY: CacheKey = CacheKey([1; 32]);
        let queue = Arc::<Queue>::default();
        let mut leading = Leading { queue: queue.clone() };
        leading.head(StatusCode::OK, &HeaderMap::new());
        let frames = [300 << 10, 1, 100 << 10, 60 << 10, 7, 70 << 10, 1 << 20];
        for (at, length) in frames.into_iter().enumerate() {
            leading.data(&Bytes::from(vec![at as u8; length]));
        }
        let mut data = Vec::new();
        for number in 0.. {
            let (batch, is_empty) = queue.state().batch(number);
            if is_empty {
                break;
            }
            let batch = Bytes::from(batch.finish(KEY, b"token"));
            assert!(batch.len() <= BATCH + 64, "{}", batch.len());
            for part in parts(&batch, number, KEY, b"token").unwrap() {
                if let Part::Data(part) = part {
                    data.extend_from_slice(&part);
                }
            }
        }
        let expected = frames.into_iter().enumerate();
        let expected: Vec<_> = expected.flat_map(|(at, length)| vec![at as u8; length]).collect();
        assert!(data == expected, "{} of {}", data.len(), expected.len());
        assert_eq!(queue.state().bytes, 0);
    }
}
