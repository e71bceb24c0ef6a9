//! What is known of the body of a request while it is sent.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::exchange::characters::Characters;
use crate::json::object::ScanError;
use crate::util::payload::Capture;

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Shared by a request body, which the upstream stack reads, and the exchange, which waits for the
/// response.
#[derive(Debug, Default)]
pub(crate) struct RequestState {
    pub(crate) bytes: AtomicU64,
    capture: Option<Mutex<Capture>>,
    /// Counts what text to speech is billed by; `None` for all else.
    characters: Option<Box<Mutex<Characters>>>,
    pub(crate) stream: AtomicBool,
    model: OnceLock<Box<str>>,
    refusal: OnceLock<ScanError>,
    /// Whether the gateway has asked for usage where the client did not, once that is known: one of
    /// `UNKNOWN`, `NO` and `YES`.
    asks_for_usage: AtomicU8,
    /// The body has ended or is gone: nothing more will be known.
    has_ended: AtomicBool,
    /// The task to be woken by a refusal.
    waiting: Mutex<Option<Waker>>,
}

impl RequestState {
    /// Keeps up to `payload_limit` bytes for the hooks.
    pub(crate) fn new(payload_limit: usize) -> Self {
        let capture = (payload_limit > 0).then(|| Mutex::new(Capture::new(payload_limit)));
        Self { capture, ..Self::default() }
    }

    /// Counts the characters of the text that is to be spoken.
    pub(crate) fn counting_characters(mut self) -> Self {
        self.characters = Some(Box::default());
        self
    }

    /// The characters of the text that is to be spoken, as far as they were counted.
    pub(crate) fn characters(&self) -> Option<u64> {
        let characters = self.characters.as_ref()?;
        characters.lock().unwrap_or_else(PoisonError::into_inner).count()
    }

    /// These bytes have come from the client.
    pub(crate) fn saw(&self, data: &[u8]) {
        self.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        if let Some(capture) = &self.capture {
            capture.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        }
        if let Some(characters) = &self.characters {
            characters.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        }
    }

    /// What was kept. Nothing more is kept afterwards: the exchange is over.
    pub(crate) fn take_capture(&self) -> Capture {
        let Some(capture) = &self.capture else { return Capture::default() };
        std::mem::take(&mut *capture.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn model(&self) -> Option<&str> {
        self.model.get().map(|model| &**model)
    }

    /// The first name that is found holds.
    pub(crate) fn set_model(&self, model: String) {
        let _ = self.model.set(model.into());
    }

    /// Whether the gateway has asked for usage where the client did not; `None` where it still may.
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
        // What was said first holds.
        let _ = self.asks_for_usage.compare_exchange(UNKNOWN, answer, success, failure);
    }

    /// The body is sent once more, with what was added or without it.
    pub(crate) fn change_asks_for_usage(&self, asks: bool) {
        self.asks_for_usage.store(if asks { YES } else { NO }, Ordering::Release);
    }

    /// Ready with why the request must not reach the provider whole, or with nothing once its body has
    /// ended without such a reason. Until then, wakes the task when there is one.
    pub(crate) fn poll_refusal(&self, cx: &Context<'_>) -> Poll<Option<ScanError>> {
        let has_ended = self.has_ended.load(Ordering::Acquire);
        if !has_ended {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *waiting {
                Some(known) => known.clone_from(cx.waker()),
                None => *waiting = Some(cx.waker().clone()),
            }
        }
        match self.refusal.get() {
            Some(error) => Poll::Ready(Some(*error)),
            None if has_ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// The body has ended or is gone.
    pub(crate) fn end(&self) {
        self.set_asks_for_usage(false);
        self.has_ended.store(true, Ordering::Release);
    }

    /// The rest of the body contradicts what the request was routed by.
    pub(crate) fn refuse(&self, error: ScanError) {
        let _ = self.refusal.set(error);
        let waker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
