//! The state of the usage option in one request, shared with layers that may send the request
//! again.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::exchange::request_state::RequestState;

/// An extension of requests that may get the option and may have to be sent again without it.
#[derive(Clone, Debug)]
pub(crate) struct Asked(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    watch: Arc<RequestState>,
    /// The byte range of the option in the sent body.
    place: OnceLock<Range<u64>>,
    /// Whether the host asks all providers for usage.
    all: bool,
}

impl Asked {
    pub(crate) fn new(watch: Arc<RequestState>, all: bool) -> Self {
        Self(Arc::new(Inner { watch, place: OnceLock::new(), all }))
    }

    pub(crate) fn put(&self, place: Range<u64>) {
        let _ = self.0.place.set(place);
    }
}

impl Asked {
    /// The byte range of the option in the sent body, once it was added.
    pub(crate) fn place(&self) -> Option<Range<u64>> {
        self.0.place.get().cloned()
    }

    /// The model in the body.
    pub(crate) fn model(&self) -> Option<&str> {
        self.0.watch.model()
    }

    pub(crate) fn all(&self) -> bool {
        self.0.all
    }

    /// Records whether the body is now sent with the option.
    pub(crate) fn is_sent(&self, with: bool) {
        self.0.watch.change_asks_for_usage(with);
    }
}
