//! Work for after the lock of a flight is released, as it runs foreign code.

use std::task::Waker;

use http::HeaderMap;

use super::Source;
use crate::control::cache::counts::{Counts, NotStored};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::metered::Metered;
use crate::control::cache::storing::Storing;
use crate::util::unwind;

/// The work.
#[derive(Default)]
pub(in crate::control::cache) struct After {
    pub(in crate::control::cache) wake: Vec<Waker>,
    pub(in crate::control::cache) source: Option<Source>,
    pub(in crate::control::cache) storing: Option<Box<Storing>>,
    /// The meter, once nothing is left to read.
    pub(in crate::control::cache) metered: Option<Metered>,
    pub(in crate::control::cache) not_stored: Option<NotStored>,
    pub(in crate::control::cache) stored: Option<Stored>,
    /// Nobody can join any more.
    pub(in crate::control::cache) is_closed: bool,
}

/// A response for the store.
pub(in crate::control::cache) struct Stored {
    pub(in crate::control::cache) storing: Box<Storing>,
    pub(in crate::control::cache) entry: CacheEntry,
    /// Unfiltered, for the leader.
    pub(in crate::control::cache) trailers: Option<Box<HeaderMap>>,
}

impl After {
    /// Does it. `close`: keeps new members out.
    pub(in crate::control::cache) fn finish(&mut self, counts: &Counts, close: impl FnOnce()) {
        if let Some(why) = self.not_stored {
            counts.not_stored(why).add();
        }
        // Stored before it is closed: who finds neither looks into the store again.
        if let Some(Stored { storing, entry, .. }) = self.stored.take() {
            // The store may be the host's.
            let _ = unwind::call(|| storing.commit(entry));
        }
        // Settled before its readers hear of the end.
        discard(&mut self.metered);
        if self.is_closed {
            close();
        }
        self.wake.drain(..).for_each(Waker::wake);
        if let Some(storing) = &self.storing
            && self.not_stored == Some(NotStored::NoMemory)
        {
            storing.make_room();
        }
        discard(&mut self.source);
        discard(&mut self.storing);
    }
}

/// Drops what is another one's: a panic is not to end this one's task. In its place, because to move it
/// takes longer.
pub(in crate::control::cache) fn discard<T: Default>(spent: &mut T) {
    let _ = unwind::call(|| *spent = T::default());
}
