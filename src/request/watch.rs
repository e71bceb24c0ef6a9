//! What a passing request body tells the exchange that it belongs to.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::context::GatewayContext;
use crate::json::object::{ObjectScanner, ScanError};
use crate::json::string;
use crate::request::add_usage::{Places, Splice};
use crate::request::model_reader::ModelReader;
use crate::response::characters::Characters;
use crate::util::payload::Capture;

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Shared by a request body, which the upstream stack reads, and the exchange, which waits for the
/// response.
#[derive(Debug, Default)]
pub(crate) struct RequestWatch {
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
    settled: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl RequestWatch {
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

    /// What was kept. The exchange is over: nothing is kept of what may still come.
    pub(crate) fn take_capture(&self) -> Capture {
        let Some(capture) = &self.capture else { return Capture::default() };
        std::mem::take(&mut *capture.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn model(&self) -> Option<&str> {
        self.model.get().map(|model| &**model)
    }

    /// The name that was found while the body was held.
    pub(crate) fn set_model(&self, model: String) {
        let _ = self.model.set(model.into());
    }

    /// The late reason for which the request must not reach the provider whole.
    pub(crate) fn refusal(&self) -> Option<ScanError> {
        self.refusal.get().copied()
    }

    /// Whether the gateway has asked for usage where the client did not; `None` where it still may.
    pub(crate) fn asks_for_usage(&self) -> Option<bool> {
        match self.asks_for_usage.load(Ordering::Acquire) {
            UNKNOWN => None,
            answer => Some(answer == YES),
        }
    }

    pub(crate) fn set_asks_for_usage(&self, asks: bool) {
        let answer = if asks { YES } else { NO };
        let (success, failure) = (Ordering::Release, Ordering::Relaxed);
        // What was said first holds.
        let _ = self.asks_for_usage.compare_exchange(UNKNOWN, answer, success, failure);
    }

    /// The body is sent once more, with what was added or without it.
    #[cfg(feature = "control")]
    pub(crate) fn change_asks_for_usage(&self, asks: bool) {
        self.asks_for_usage.store(if asks { YES } else { NO }, Ordering::Release);
    }

    /// Whether no refusal can come any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Wakes `waker` when there is a refusal.
    pub(crate) fn wake_on_refusal(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waiting {
            Some(known) => known.clone_from(waker),
            None => *waiting = Some(waker.clone()),
        }
    }

    fn refuse(&self, error: ScanError) {
        let _ = self.refusal.set(error);
        let waker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watch.set_asks_for_usage(false);
        self.watch.settled.store(true, Ordering::Release);
    }
}

/// Looks at the bytes of a request body as they pass.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// `None` once the body has turned out not to be a JSON object.
    scanner: Option<ObjectScanner>,
    /// Reads all the models, where they are restricted.
    models: Option<Box<ModelReader>>,
    watch: Arc<RequestWatch>,
    splice: Option<Splice>,
    /// Whatever the body holds, it is relayed.
    is_lenient: bool,
    /// Who is told that a limit has cut the body off.
    context: Option<GatewayContext>,
}

impl Watcher {
    /// Watches a body from its first byte.
    pub(crate) fn new(watch: Arc<RequestWatch>) -> Self {
        Self {
            scanner: Some(ObjectScanner::new()),
            models: None,
            watch,
            splice: None,
            is_lenient: true,
            context: None,
        }
    }

    /// Goes on where the peek at the model has stopped.
    pub(crate) fn resume(
        scanner: Option<ObjectScanner>,
        models: Option<Box<ModelReader>>,
        watch: Arc<RequestWatch>,
    ) -> Self {
        Self { scanner, models, watch, splice: None, is_lenient: false, context: None }
    }

    /// For a body that was read for other reasons than to route it.
    pub(crate) fn resume_leniently(
        scanner: Option<ObjectScanner>,
        watch: Arc<RequestWatch>,
    ) -> Self {
        Self { scanner, models: None, watch, splice: None, is_lenient: true, context: None }
    }

    /// Asks for the usage of a stream on the way.
    pub(crate) fn with(mut self, splice: Option<Splice>) -> Self {
        if splice.is_none() {
            self.watch.set_asks_for_usage(false);
        }
        self.splice = splice;
        self
    }

    /// Tells the exchange, too, that a limit has cut the body off.
    pub(crate) fn telling(mut self, context: &GatewayContext) -> Self {
        self.context = Some(context.clone());
        self
    }

    pub(crate) fn context(&self) -> Option<&GatewayContext> {
        self.context.as_ref()
    }

    /// What goes out before the client's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        self.splice.as_mut()?.ahead()
    }

    /// The client's next data, as the provider is to get it.
    pub(crate) fn spliced(&mut self, mut data: Bytes) -> Bytes {
        if let Some(splice) = &mut self.splice {
            let scanner = self.scanner.as_ref();
            let places = scanner.map_or_else(Places::default, |scanner| Places {
                brace: scanner.place_of_stream_options(),
                options: scanner.stream_options(),
            });
            let model = scanner.and_then(ObjectScanner::model);
            let model = model.and_then(|model| str::from_utf8(&model.raw).ok());
            if splice.data(&mut data, places, model) {
                self.watch.set_asks_for_usage(true);
            }
        }
        data
    }

    /// The client's body has ended, maybe with trailers: what goes out in their place.
    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        match &mut self.splice {
            Some(splice) => splice.end(trailers),
            None => trailers.map(Frame::trailers),
        }
    }

    /// The client's body has ended, and must not be polled again.
    pub(crate) fn has_ended(&self) -> bool {
        self.splice.as_ref().is_some_and(Splice::has_ended)
    }

    pub(crate) fn splice(&self) -> Option<&Splice> {
        self.splice.as_ref()
    }

    /// For bodies that are relayed whatever they hold.
    pub(crate) fn see(&mut self, data: &[u8]) {
        self.watch.saw(data);
        let Some(scanner) = &mut self.scanner else { return };
        let is_sound = scanner.push(data).is_ok();
        self.watch.stream.store(scanner.stream(), Ordering::Relaxed);
        if self.watch.model().is_none()
            && let Some(model) = scanner.model()
        {
            let _ = self.watch.model.set(string::decode(&model.raw).unwrap_or_default().into());
        }
        if !is_sound {
            self.scanner = None;
        }
    }

    /// For bodies that were routed by their model: what contradicts the routing is an error.
    pub(crate) fn check(&mut self, data: &[u8], is_last: bool) -> Result<(), ScanError> {
        if self.is_lenient {
            self.see(data);
            return Ok(());
        }
        self.watch.saw(data);
        let mut checked = Ok(());
        if let Some(scanner) = &mut self.scanner {
            checked = scanner.push(data);
            if checked.is_ok() && is_last {
                checked = scanner.finish();
            }
            self.watch.stream.store(scanner.stream(), Ordering::Relaxed);
        }
        if let Some(models) = &mut self.models {
            checked = checked.and_then(|()| models.push(data));
            if checked.is_ok() && is_last {
                checked = models.finish();
            }
            if let Some(model) = models.form_model().filter(|_| self.watch.model().is_none()) {
                self.watch.set_model(model.to_owned());
            }
        }
        checked.inspect_err(|error| self.watch.refuse(*error))
    }

    /// Whether the JSON object has been seen to its end.
    pub(crate) fn has_all(&self) -> bool {
        self.is_lenient
            || self.scanner.as_ref().is_none_or(|scanner| scanner.finish().is_ok())
                && self.models.as_ref().is_none_or(|models| models.finish().is_ok())
    }
}
