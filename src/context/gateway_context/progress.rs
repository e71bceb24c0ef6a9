//! The progress of an exchange: its steps, its upstream calls, and the settings of the current
//! step.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering, fence};
use std::time::Instant;

use super::GatewayContext;
use super::attempts::Attempts;
use super::reserved::Reserved;
use super::session::Conversation;
use crate::context::step::Step;
use crate::provider::ApiKind;

/// Everything that changes while an exchange runs. The methods of [`GatewayContext`] below read and
/// write it.
#[derive(Default)]
pub(super) struct Progress {
    /// The request has the client's own key for the provider.
    has_credentials: AtomicBool,
    /// The request body was not kept, although the request may be retried.
    gave_up_retries: AtomicBool,
    /// The provider may refuse the request for what the gateway adds to it.
    may_be_refused: AtomicBool,
    /// The [`Actor`](super::acted::Actor)s below that have acted on settings, a bit for each.
    pub(super) acted: AtomicU8,
    /// The request body was longer than a layer above allows.
    is_over_limit: AtomicBool,
    /// A response may be discarded because of its body.
    is_classified: AtomicBool,
    /// The [`ReadBy`](super::answer_read::ReadBy) of the current response; 0 if there is none.
    pub(super) answer_read: AtomicU8,
    /// A guard has put a label on the request.
    is_flagged: AtomicBool,
    /// Followers read the response, too, each at its own pace.
    is_read_by_many: AtomicBool,
    /// The provider goes on with the response, and bills it, although this exchange is cancelled.
    goes_on: AtomicBool,
    /// It waits for its body or for another request's call, and has made no call itself.
    is_unsent: AtomicBool,
    /// Its end is reported. Another request may go on with its call.
    has_ended: AtomicBool,
    /// The first step, once the body has named the destination. Boxed: most paths name it.
    pub(super) first: OnceLock<Box<Step>>,
    /// The model in the body of a request on a provider's own path, if that was read.
    body_model: OnceLock<Box<str>>,
    /// The steps after the first, once a layer has asked for them.
    further: OnceLock<Box<[Step]>>,
    /// The number of the current step.
    step: AtomicU32,
    attempts: Attempts,
    /// The provider's origin that the last call went to; 0 for the first.
    origin: AtomicU16,
    /// The session affinity of the request. Boxed: most requests have none.
    conversation: OnceLock<Box<Conversation>>,
    /// The reservation under limits; boxed twice, because each open stream has a context.
    reserved: OnceLock<Box<Box<dyn Reserved>>>,
}

impl Progress {
    pub(super) fn new(has_credentials: bool) -> Self {
        Self { has_credentials: AtomicBool::new(has_credentials), ..Self::default() }
    }
}

impl GatewayContext {
    pub(crate) fn reserved(&self) -> Option<&dyn Reserved> {
        self.0.progress.reserved.get().map(|reserved| &***reserved)
    }

    /// Sets the reservation. Only the first call counts.
    #[cfg(feature = "limits")]
    pub(crate) fn reserve(&self, reserved: impl FnOnce() -> Box<dyn Reserved>) -> &dyn Reserved {
        &***self.0.progress.reserved.get_or_init(|| Box::new(reserved()))
    }

    /// Records that the request body was not kept, although the request may be retried.
    pub(crate) fn give_up_retries(&self) {
        self.0.progress.gave_up_retries.store(true, Ordering::Relaxed);
    }

    pub(crate) fn gave_up_retries(&self) -> bool {
        self.0.progress.gave_up_retries.load(Ordering::Relaxed)
    }

    pub(crate) fn body_model(&self) -> Option<&str> {
        self.0.progress.body_model.get().map(|model| &**model)
    }

    pub(crate) fn set_body_model(&self, model: &str) {
        let _ = self.0.progress.body_model.set(model.into());
    }

    /// The body has been read far enough to name the destination.
    pub(crate) fn set_first(&self, step: Step) -> &Step {
        // Boxed first: a step is large, and the cell moves its argument several times.
        let step = Box::new(step);
        self.0.progress.first.get_or_init(|| step)
    }

    /// Sets the steps after the first. Only the first call counts.
    pub(crate) fn set_further(&self, steps: Vec<Step>) {
        let _ = self.0.progress.further.set(steps.into());
    }

    /// The steps after the first; `None` if no layer has asked for them.
    pub(crate) fn further(&self) -> Option<&[Step]> {
        self.0.progress.further.get().map(|steps| &**steps)
    }

    /// Returns true if there may be a step after the first.
    pub(crate) fn may_fall_back(&self) -> bool {
        match self.further() {
            Some(steps) => !steps.is_empty(),
            None => self.settings().is_some_and(|settings| !settings.fallbacks.is_empty()),
        }
    }

    /// Records that the gateway added something to the request that its provider may refuse.
    pub(crate) fn set_may_be_refused(&self) {
        self.0.progress.may_be_refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn may_be_refused(&self) -> bool {
        self.0.progress.may_be_refused.load(Ordering::Relaxed)
    }

    /// Records that a limit above the gateway has cut off the request body. The HTTP client's error
    /// may not say so: over HTTP/2 it drops the body's error, and a replayed copy has none.
    pub(crate) fn set_over_limit(&self) {
        self.0.progress.is_over_limit.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over_limit(&self) -> bool {
        self.0.progress.is_over_limit.load(Ordering::Relaxed)
    }

    /// Records that a response may be discarded because of its body.
    pub(crate) fn set_classified(&self) {
        self.0.progress.is_classified.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_classified(&self) -> bool {
        self.0.progress.is_classified.load(Ordering::Relaxed)
    }

    /// Records that a guard has put a label on the request.
    pub(crate) fn set_flagged(&self) {
        self.0.progress.is_flagged.store(true, Ordering::Relaxed);
    }

    #[cfg(feature = "cache")]
    pub(crate) fn is_flagged(&self) -> bool {
        self.0.progress.is_flagged.load(Ordering::Relaxed)
    }

    /// Records that followers may read the response, too: each reader is bounded on its own.
    #[cfg(feature = "cache")]
    pub(crate) fn set_read_by_many(&self) {
        self.0.progress.is_read_by_many.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_read_by_many(&self) -> bool {
        self.0.progress.is_read_by_many.load(Ordering::Relaxed)
    }

    /// Sets whether the provider goes on with the response, and bills it, if this exchange is
    /// cancelled.
    #[cfg(feature = "cache")]
    pub(crate) fn set_goes_on(&self, goes_on: bool) {
        self.0.progress.goes_on.store(goes_on, Ordering::Relaxed);
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.0.progress.goes_on.load(Ordering::Relaxed)
    }

    /// Sets whether it still waits, and has made no call itself.
    #[cfg(feature = "cache")]
    pub(crate) fn set_unsent(&self, is_unsent: bool) {
        self.0.progress.is_unsent.store(is_unsent, Ordering::Relaxed);
    }

    pub(crate) fn is_unsent(&self) -> bool {
        self.0.progress.is_unsent.load(Ordering::Relaxed)
    }

    /// Records that its end is reported: nothing else is, even if another request goes on with its
    /// call.
    pub(crate) fn set_ended(&self) {
        self.0.progress.has_ended.store(true, Ordering::Release);
        if self.is_limited() {
            // Either the end finds what is reserved now, or whoever reserves it finds the end.
            fence(Ordering::SeqCst);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.progress.has_ended.load(Ordering::Acquire)
    }

    /// The number of the current step; 0 for the first.
    #[must_use]
    pub fn step(&self) -> u32 {
        self.0.progress.step.load(Ordering::Relaxed)
    }

    pub(crate) fn set_step(&self, number: u32) {
        self.0.progress.step.store(number, Ordering::Relaxed);
    }

    /// The current step; `None` for the first of a request on a provider's own path.
    pub(crate) fn current(&self) -> Option<&Step> {
        self.nth_step(self.step() as usize)
    }

    /// The step with this number, from 0; `None` likewise.
    pub(crate) fn nth_step(&self, number: usize) -> Option<&Step> {
        match number {
            0 => self.0.progress.first.get().map(|step| &**step),
            number => self.further()?.get(number - 1),
        }
    }

    /// The number of reported upstream calls, including one in flight.
    pub(crate) fn attempts(&self) -> u32 {
        self.0.progress.attempts.count()
    }

    /// Counts an upstream call; returns its number, from 1.
    pub(crate) fn count_attempt(&self) -> u32 {
        self.0.progress.attempts.add()
    }

    /// Begins an upstream call. Reads the clock only if a hook is told of the call.
    pub(crate) fn begin_attempt(&self, now: impl FnOnce() -> Instant) {
        self.0.progress.attempts.begin(self.observer().map(|_| now()));
    }

    /// Ends the upstream call in flight; returns its number, from 1, and when it began, if a hook
    /// is told.
    pub(crate) fn end_attempt(&self) -> Option<(u32, Instant)> {
        self.0.progress.attempts.end()
    }

    /// Takes back the call in flight: a layer below has refused it.
    pub(crate) fn forget_attempt(&self) {
        self.0.progress.attempts.forget();
    }

    /// The state of the conversation; `None` without affinity.
    pub(crate) fn conversation(&self) -> Option<&Conversation> {
        self.0.progress.conversation.get().map(|conversation| &**conversation)
    }

    /// Begins affinity for this exchange.
    pub(crate) fn begin_conversation(&self) -> &Conversation {
        self.0.progress.conversation.get_or_init(Box::default)
    }

    pub(crate) fn origin(&self) -> u16 {
        self.0.progress.origin.load(Ordering::Relaxed)
    }

    pub(crate) fn set_origin(&self, number: u16) {
        self.0.progress.origin.store(number, Ordering::Relaxed);
    }

    /// The API of the provider that the current step uses.
    pub(crate) fn way(&self) -> ApiKind {
        self.current().map_or(ApiKind::Native, |step| step.way)
    }

    /// The alias of the stored key for the current step.
    pub(crate) fn key_alias(&self) -> Option<&str> {
        let of_step = self.current().and_then(|step| step.key.alias());
        of_step.or_else(|| self.directives()?.byok_alias.as_deref())
    }

    pub(crate) fn has_credentials(&self) -> bool {
        self.0.progress.has_credentials.load(Ordering::Relaxed)
    }

    pub(crate) fn set_has_credentials(&self, has: bool) {
        self.0.progress.has_credentials.store(has, Ordering::Relaxed);
    }
}
