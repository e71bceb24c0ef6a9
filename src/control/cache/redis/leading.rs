//! Broadcasts a response that this process gets from the provider.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

use super::both::beside;
use super::names::Name;
use super::queue::{BATCH, Leading, Outcome, Queue};
use super::record::{Batch, Part};
use super::scripts::call;
use super::shared::{Shared, WRITE_TIMEOUT, millis};
use super::window::Window;
use crate::control::cache::key::CachePlace;
use crate::control::cache::store::Generation;
use crate::control::redis::{Call, Failure, LinkError};
use crate::util::budget::Held;

/// A lease expires so long after its last renewal, when its holder is gone.
pub(super) const LEASE: Duration = Duration::from_secs(5);
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// A recording expires so long after it was last written or read.
pub(super) const KEPT: Duration = Duration::from_secs(30);
/// How long frames after the first are collected before they are sent, while there are followers …
const PAUSE: Duration = Duration::from_millis(5);
/// … and while there are none.
const PAUSE_ALONE: Duration = Duration::from_millis(100);
/// A follower counts for so long after its last read.
const FOLLOWED: Duration = Duration::from_secs(5);
pub(super) const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Holds a lease, and renews it until the response ends. `held`: counts what waits to be sent.
pub(super) fn lead(
    shared: Arc<Shared>,
    place: CachePlace,
    generation: Generation,
    token: Vec<u8>,
    held: Held,
    permit: OwnedSemaphorePermit,
) -> Leading {
    let queue = Arc::new(Queue::new(held));
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
        window: Window::default(),
        held_at: now,
        sent_at: now,
        followed_at: None,
        is_apart: false,
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
    /// The number of the next batch.
    number: u64,
    window: Window,
    /// When the lease was last known to be held.
    held_at: Instant,
    sent_at: Instant,
    /// When there was last known to be a follower.
    followed_at: Option<Instant>,
    /// The response is not stored, and its recording has a lease of its own.
    is_apart: bool,
}

/// Another process may hold the lease, or the recording is incomplete.
struct Lost;

impl Task {
    async fn run(mut self) {
        let outcome = match self.tell().await {
            Ok(outcome) => outcome,
            Err(Lost) => Outcome::Broken,
        };
        // From now on nothing is stored or sent.
        self.queue.is_followed.store(false, Ordering::Relaxed);
        self.queue.end(Outcome::Broken);
        let written = self.queue.state().written.take();
        let is_kept = self.finish(outcome).await;
        if let Some(written) = written {
            written(is_kept);
        }
    }

    /// Stores the entry, or releases the lease. Returns whether the entry is stored.
    async fn finish(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Broken => self.release(true).await,
            Outcome::Unshared => self.unshared().await,
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

    /// Sends what is queued, until the response ends.
    async fn tell(&mut self) -> Result<Outcome, Lost> {
        loop {
            let renewal = self.sent_at + RENEW_EVERY;
            let _ = timeout_at(renewal, self.has_more()).await;
            self.stand_apart().await?;
            let (batch, outcome) = self.next();
            if batch.is_none() && outcome.is_none() && Instant::now() < renewal {
                continue;
            }
            match outcome {
                Some(outcome @ (Outcome::Broken | Outcome::Unshared)) => return Ok(outcome),
                Some(outcome) => {
                    self.append(&batch.unwrap_or_default()).await?;
                    return Ok(outcome);
                }
                None => self.append(&batch.unwrap_or_default()).await?,
            }
        }
    }

    /// Waits until there is something to send, and it is time to send it.
    async fn has_more(&self) {
        loop {
            let has_work = self.queue.has_work.notified();
            let due = {
                let state = self.queue.state();
                // The head, the first frame and the end are sent at once.
                let is_due = state.outcome.is_some() || self.number < 2 || state.bytes >= BATCH;
                if state.is_not_kept && !self.is_apart {
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

    /// What to send next, and the outcome if nothing follows.
    fn next(&mut self) -> (Option<Vec<u8>>, Option<Outcome>) {
        let queue = self.queue.clone();
        let mut state = queue.state();
        let (mut batch, mut is_empty) = state.batch(self.number);
        let is_last = state.waiting.is_empty();
        let outcome = state.outcome.take_if(|_| is_last);
        if let Some(Outcome::Whole(_)) = &outcome {
            batch.push(&Part::End(state.trailers.take()));
            is_empty = false;
        }
        drop(state);
        let batch = (!is_empty).then(|| batch.finish(self.place.key, &self.token));
        (batch, outcome)
    }

    /// If the response is not stored, exchanges the lease for one of the recording's own, so that new
    /// requests call the provider. Lost if there is no follower.
    async fn stand_apart(&mut self) -> Result<(), Lost> {
        if self.is_apart || !self.queue.state().is_not_kept {
            return Ok(());
        }
        let shared = self.shared.clone();
        let own = shared.names.own_lease(&self.place, self.generation, &self.token);
        let mut apart = call(&shared.scripts.apart, &[&self.lease, &own]);
        apart.text(&self.token);
        apart.number(millis(LEASE));
        self.ask(&apart).await?;
        (self.lease, self.is_apart) = (own, true);
        if self.is_followed() { Ok(()) } else { Err(Lost) }
    }

    /// Releases the lease, and tells followers by an end without a head.
    async fn unshared(&mut self) {
        let mut batch = Batch::new(self.number);
        batch.push(&Part::End(None));
        let shared = self.shared.clone();
        let mut unshared = call(&shared.scripts.unshared, &[&self.lease, &self.recording]);
        unshared.text(&self.token);
        unshared.text(&batch.finish(self.place.key, &self.token));
        unshared.number(millis(KEPT));
        unshared.number(self.is_followed().into());
        let _ = self.ask(&unshared).await;
    }

    /// Appends a batch, or nothing, and renews the lease.
    async fn append(&mut self, batch: &[u8]) -> Result<(), Lost> {
        let shared = self.shared.clone();
        let mut append = call(&shared.scripts.append, &[&self.lease, &self.recording]);
        append.text(&self.token);
        append.number(millis(LEASE));
        append.number(millis(KEPT));
        append.number(self.number);
        append.text(batch);
        append.number(self.window.gone());
        self.ask(&append).await?;
        if !batch.is_empty() {
            self.window.push(self.number, batch.len());
            self.number += 1;
        }
        self.sent_at = self.held_at;
        Ok(())
    }

    fn is_followed(&self) -> bool {
        self.followed_at.is_some_and(|at| at.elapsed() < FOLLOWED)
    }

    /// Repeats a script while the lease may still be held. Notes whether there are followers.
    async fn ask(&mut self, question: &Call<'_>) -> Result<(), Lost> {
        loop {
            match self.ask_once(question).await {
                Ok(0) => return Err(Lost),
                Ok(answer) => {
                    self.held_at = Instant::now();
                    if answer == 2 {
                        self.followed_at = Some(self.held_at);
                    }
                    self.queue.is_followed.store(self.is_followed(), Ordering::Relaxed);
                    return Ok(());
                }
                Err(_) if self.held_at.elapsed() >= LEASE => return Err(Lost),
                Err(_) => sleep(BETWEEN_ATTEMPTS).await,
            }
        }
    }

    async fn ask_once(&self, question: &Call<'_>) -> Result<i64, Failure> {
        let client = &self.shared.client;
        let answer = async {
            match question.send(&client.link).await? {
                Value::Int(answer @ 0..=2) => Ok(answer),
                _ => Err(LinkError::malformed()),
            }
        };
        client.ask_beside(WRITE_TIMEOUT, answer).await
    }

    /// Releases the lease, so that other processes need not wait for it to expire.
    async fn release(&self, with_recording: bool) {
        let recording = with_recording.then_some(&self.recording);
        release(&self.shared, &self.lease, recording, &self.token).await;
    }
}

/// Releases a lease. `token`: its token, or the random number in it.
pub(super) async fn release(shared: &Shared, lease: &Name, recording: Option<&Name>, token: &[u8]) {
    let random = token.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
    let keys: Vec<_> = std::iter::once(lease).chain(recording).collect();
    let mut release = call(&shared.scripts.release, &keys);
    release.text(random);
    let question = release.send(&shared.client.link);
    let _ = shared.client.ask_within(WRITE_TIMEOUT, &mut false, question).await;
}
