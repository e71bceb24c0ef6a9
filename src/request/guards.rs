//! Runs the guards of a request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::TARGET;
use crate::exchange::Exchange;
use crate::hook::guard::guards::Check;
use crate::hook::guard::{Guards, Subject, Verdict};
use crate::rejection::Rejection;
use crate::response::messages;
use crate::util::patience::Patience;
use crate::util::unwind;
use crate::util::unwind::Panicked;

/// Asks the guards one after the other until one refuses.
pub(crate) struct Checking {
    guards: Guards,
    /// The next guards to ask, the subject, and how much of the body they see.
    queue: VecDeque<(usize, Arc<Subject>, usize)>,
    running: Option<Running>,
    patience: Patience,
}

impl Checking {
    pub(crate) fn new(guards: &Guards) -> Self {
        Self {
            guards: guards.clone(),
            queue: VecDeque::new(),
            running: None,
            patience: Patience::new(Some(guards.timeout)),
        }
    }

    /// How many bytes of the body each guard wants to see.
    pub(crate) fn limits(&self, subject: &Subject) -> Result<Vec<usize>, Rejection> {
        self.guards.body_limits(&subject.head()).map_err(panicked)
    }

    /// Queues all guards for this subject.
    pub(crate) fn add(&mut self, subject: Subject, limits: Vec<usize>) {
        let subject = Arc::new(subject);
        let asked = limits.into_iter().enumerate();
        self.queue.extend(asked.map(|(guard, limit)| (guard, subject.clone(), limit)));
    }

    /// Ready when the request may be sent or is refused.
    pub(crate) fn poll(
        &mut self,
        exchange: &mut Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        loop {
            let Some(running) = &mut self.running else {
                let Some((guard, subject, limit)) = self.queue.pop_front() else {
                    return Poll::Ready(Ok(()));
                };
                let Some(guard) = self.guards.list.get(guard).cloned() else { continue };
                let check = unwind::call(|| guard.check(subject, limit)).map_err(panicked)?;
                self.running = Some(Running(Some(Mutex::new(check))));
                continue;
            };
            let polled = {
                let _entered = exchange.enter();
                running.poll(cx).map_err(panicked)?
            };
            let Poll::Ready(verdict) = polled else {
                ready!(self.patience.poll_end(cx));
                let after = self.patience.limit();
                tracing::warn!(target: TARGET, ?after, "a guard did not decide in time");
                return Poll::Ready(Err(messages::guard_silent()));
            };
            self.running = None;
            match verdict {
                Verdict::Pass => {}
                Verdict::Flag(label) => exchange.flag(&label),
                Verdict::Refuse(refusal) => return Poll::Ready(Err(refusal.into())),
            }
        }
    }
}

fn panicked(Panicked: Panicked) -> Rejection {
    tracing::error!(target: TARGET, "a guard panicked; its request is refused");
    messages::guard_failed()
}

/// The future of one guard. The mutex is never locked: it makes the exchange's future `Sync` even
/// if the guard's is not.
struct Running(Option<Mutex<Check>>);

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<Poll<Verdict>, Panicked> {
        let Some(check) = &mut self.0 else { unreachable!("only dropping takes the check") };
        let check = check.get_mut().unwrap_or_else(PoisonError::into_inner);
        unwind::call(|| check.as_mut().poll(cx))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let check = self.0.take();
        let _ = unwind::call(|| drop(check));
    }
}
