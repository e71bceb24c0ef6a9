//! The state of a request body while it is sent.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};

use crate::exchange::characters::Characters;
use crate::json::object::ScanError;
use crate::util::payload::Capture;

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Shared by the request body, which the upstream stack reads, and the exchange, which waits for
/// the response.
#[derive(Debug, Default)]
pub(crate) struct RequestState {
    pub(crate) bytes: AtomicU64,
    /// Boxed: few hooks look at bodies.
    capture: Option<Box<Mutex<Capture>>>,
    /// Counts the characters of text-to-speech requests; `None` for others.
    characters: Option<Box<Mutex<Characters>>>,
    pub(crate) stream: AtomicBool,
    model: OnceLock<Box<str>>,
    refusal: OnceLock<ScanError>,
    /// Whether the gateway asked for usage in place of the client: `UNKNOWN`, `NO` or `YES`.
    asks_for_usage: AtomicU8,
    /// The body has ended or was dropped.
    has_ended: AtomicBool,
    /// The task to wake on a refusal.
    waiting: Mutex<Option<Waker>>,
}

impl RequestState {
    /// Keeps up to `payload_limit` bytes for the hooks. `is_speech`: counts the characters of the text to
    /// speak.
    pub(crate) fn new(payload_limit: usize, is_speech: bool) -> Self {
        let capture =
            (payload_limit > 0).then(|| Box::new(Mutex::new(Capture::new(payload_limit))));
        Self { capture, characters: is_speech.then(Box::default), ..Self::default() }
    }

    /// The number of characters of the text to speak that were read so far.
    pub(crate) fn characters(&self) -> Option<u64> {
        let characters = self.characters.as_ref()?;
        characters.lock().unwrap_or_else(PoisonError::into_inner).count()
    }

    /// Records bytes from the client.
    pub(crate) fn saw(&self, data: &[u8]) {
        self.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        if let Some(capture) = &self.capture {
            capture.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        }
        if let Some(characters) = &self.characters {
            characters.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        }
    }

    /// Takes the captured start of the body. Later bytes are not captured: the exchange has ended.
    pub(crate) fn take_capture(&self) -> Capture {
        let Some(capture) = &self.capture else { return Capture::default() };
        std::mem::take(&mut *capture.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn model(&self) -> Option<&str> {
        self.model.get().map(|model| &**model)
    }

    /// Sets the model unless it is set.
    pub(crate) fn set_model(&self, model: String) {
        let _ = self.model.set(model.into());
    }

    /// Whether the gateway asked for usage in place of the client; `None` if that is not decided.
    pub(crate) fn asks_for_usage(&self) -> Option<bool> {
        match self.asks_for_usage.load(Ordering::Acquire) {
            UNKNOWN => None,
            answer => Some(answer == YES),
        }
    }

    pub(crate) fn set_asks_for_usage(&self, asks: bool) {
        if self.asks_for_usage.load(Ordering::Relaxed) != UNKNOWN {
            return;
        }
        let answer = if asks { YES } else { NO };
        let (success, failure) = (Ordering::Release, Ordering::Relaxed);
        // The first decision holds.
        let _ = self.asks_for_usage.compare_exchange(UNKNOWN, answer, success, failure);
    }

    /// Changes the decision, because the body is sent again with or without the option.
    pub(crate) fn change_asks_for_usage(&self, asks: bool) {
        self.asks_for_usage.store(if asks { YES } else { NO }, Ordering::Release);
    }

    /// Why the provider must not get the whole request, if that is known. Checked in each poll for the
    /// response head, then with each frame of the response. Until the request body has ended, a
    /// refusal wakes the task.
    pub(crate) fn late_refusal(&self, cx: &Context<'_>) -> Option<ScanError> {
        if !self.has_ended.load(Ordering::Acquire) {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *waiting {
                Some(known) => known.clone_from(cx.waker()),
                None => *waiting = Some(cx.waker().clone()),
            }
        }
        self.refusal.get().copied()
    }

    /// Records that the body has ended or was dropped.
    pub(crate) fn end(&self) {
        self.set_asks_for_usage(false);
        self.has_ended.store(true, Ordering::Release);
    }

    /// Refuses the request: the rest of the body contradicts its routing.
    pub(crate) fn refuse(&self, error: ScanError) {
        let _ = self.refusal.set(error);
        let waker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
