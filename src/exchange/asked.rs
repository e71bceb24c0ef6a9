//! What is known of the option in one request, for those who may send the request again.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::exchange::request_state::RequestState;

/// In the extensions of a request that may get the option, where it may have to be sent without it.
#[derive(Clone, Debug)]
pub(crate) struct Asked(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    watch: Arc<RequestState>,
    /// Where the option stands in the body as it is sent.
    place: OnceLock<Range<u64>>,
    /// Whether the host wants all providers to be asked.
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
    /// Where the option stands, once it is there.
    pub(crate) fn place(&self) -> Option<Range<u64>> {
        self.0.place.get().cloned()
    }

    /// The model that the body names.
    pub(crate) fn model(&self) -> Option<&str> {
        self.0.watch.model()
    }

    pub(crate) fn all(&self) -> bool {
        self.0.all
    }

    /// The body is sent with the option or without it.
    pub(crate) fn is_sent(&self, with: bool) {
        self.0.watch.change_asks_for_usage(with);
    }
}
