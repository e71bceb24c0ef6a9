//! The tasks that wait for a body that several may read.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The tasks that wait for a body.
///
/// A body remembers one waker, that of the last poll. A single task uses its own; with several, the
/// body gets one that wakes them all, so that no task is forgotten when another goes away.
#[derive(Debug, Default)]
pub(super) enum Waiting {
    #[default]
    Nobody,
    One(Waker),
    Several {
        all: Arc<All>,
        waker: Waker,
    },
}

#[derive(Debug, Default)]
pub(super) struct All(Mutex<Vec<Waker>>);

impl Waiting {
    /// Polls the body for the task of `cx`, and wakes the other tasks if it is ready.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if let Self::One(other) = self
            && !other.will_wake(cx.waker())
        {
            let all = Arc::new(All::default());
            all.add(other);
            *self = Self::Several { waker: Waker::from(all.clone()), all };
        }
        let polled = match self {
            Self::Nobody | Self::One(_) => poll(cx),
            Self::Several { all, waker } => {
                all.add(cx.waker());
                poll(&mut Context::from_waker(waker))
            }
        };
        match self {
            _ if polled.is_ready() => self.wake_others(cx.waker()),
            Self::Nobody => *self = Self::One(cx.waker().clone()),
            Self::One(_) | Self::Several { .. } => {}
        }
        polled
    }

    /// Wakes all tasks except this one, which is awake.
    pub(super) fn wake_others(&mut self, awake: &Waker) {
        match self {
            Self::Nobody => {}
            Self::One(waker) => {
                if !waker.will_wake(awake) {
                    waker.wake_by_ref();
                }
                *self = Self::Nobody;
            }
            Self::Several { all, .. } => {
                let others = all.take().into_iter().filter(|waker| !waker.will_wake(awake));
                others.for_each(Waker::wake);
            }
        }
    }
}

impl All {
    fn add(&self, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wake for All {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.take().into_iter().for_each(Waker::wake);
    }
}
