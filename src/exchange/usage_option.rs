//! Asks providers for the usage of streams, if the host wants it and the client did not ask.
//!
//! Streams of chat completions report usage only if `stream_options.include_usage` is set, in an
//! extra chunk without choices that some clients cannot parse. So the gateway adds the option to
//! the request and removes that chunk from the response. If a provider refuses the option, the
//! retry layer sends the request again without it, and the gateway does not add the option for a
//! while.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::exchange::request_state::RequestState;

/// Returns true if a response of this status may be a refusal of the option.
pub(crate) fn may_be_refused(status: http::StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 422)
}

/// The option in one request: an extension of the request, shared with layers that may have to send it
/// again without the option.
#[derive(Clone, Debug)]
pub(crate) struct AddedOption(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    watch: Arc<RequestState>,
    /// The byte range of the option in the sent body.
    place: OnceLock<Range<u64>>,
    /// Whether the host asks all providers for usage.
    asks_all_providers: bool,
}

impl AddedOption {
    pub(crate) fn new(watch: Arc<RequestState>, asks_all_providers: bool) -> Self {
        Self(Arc::new(Inner { watch, place: OnceLock::new(), asks_all_providers }))
    }

    pub(crate) fn set_place(&self, place: Range<u64>) {
        let _ = self.0.place.set(place);
    }

    /// The byte range of the option in the sent body, once it was added.
    pub(crate) fn place(&self) -> Option<Range<u64>> {
        self.0.place.get().cloned()
    }

    /// The model in the body.
    pub(crate) fn model(&self) -> Option<&str> {
        self.0.watch.model()
    }

    pub(crate) fn asks_all_providers(&self) -> bool {
        self.0.asks_all_providers
    }

    /// Records whether the body is now sent with the option.
    pub(crate) fn mark_sent(&self, with: bool) {
        self.0.watch.change_asks_for_usage(with);
    }
}
