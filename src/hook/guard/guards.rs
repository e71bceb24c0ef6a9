//! The guards of a layer, type-erased.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{Guard, GuardHead, GuardedResponse, Notes, Subject, Verdict};
use crate::TARGET;
use crate::context::GatewayContext;
use crate::util::payload::Payload;
use crate::util::unwind;
use crate::util::unwind::Panicked;

/// Boxed: only requests with guards pay for it, once per exchange.
pub(crate) type Check = Pin<Box<dyn Future<Output = Verdict> + Send>>;

pub(crate) trait AnyGuard: Send + Sync {
    fn check(self: Arc<Self>, subject: Arc<Subject>, limit: usize) -> Check;
    fn body_limit(&self, head: &GuardHead<'_>) -> usize;
    fn response_limit(&self, context: &GatewayContext) -> usize;
    fn on_response(&self, response: &GuardedResponse<'_>);
}

impl<G: Guard> AnyGuard for G {
    fn check(self: Arc<Self>, subject: Arc<Subject>, limit: usize) -> Check {
        Box::pin(async move { Guard::check(&*self, subject.request(limit)).await })
    }

    fn body_limit(&self, head: &GuardHead<'_>) -> usize {
        Guard::body_limit(self, head)
    }

    fn response_limit(&self, context: &GatewayContext) -> usize {
        Guard::response_limit(self, context)
    }

    fn on_response(&self, response: &GuardedResponse<'_>) {
        Guard::on_response(self, response);
    }
}

/// Guards in the order in which they were added.
#[derive(Clone, Default)]
pub(crate) struct Guards {
    pub(crate) list: Vec<Arc<dyn AnyGuard>>,
    /// The timeout for all guards of one request together.
    pub(crate) timeout: Duration,
}

impl Guards {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { list: Vec::new(), timeout }
    }

    pub(crate) fn add(&mut self, guard: impl Guard) {
        self.list.push(Arc::new(guard));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The body limit of each guard.
    pub(crate) fn body_limits(&self, head: &GuardHead<'_>) -> Result<Vec<usize>, Panicked> {
        self.list.iter().map(|guard| unwind::call(|| guard.body_limit(head))).collect()
    }

    /// The response limit of each guard; 0 for a guard that panics.
    pub(crate) fn response_limits(&self, context: &GatewayContext) -> Box<[usize]> {
        let limit = |guard: &Arc<dyn AnyGuard>| {
            unwind::call(|| guard.response_limit(context)).unwrap_or_else(|Panicked| {
                tracing::error!(target: TARGET, "a guard panicked; it does not see the response");
                0
            })
        };
        self.list.iter().map(limit).collect()
    }

    /// Calls `on_response` of the guards with a response limit. `body` returns the start of the
    /// body up to a limit.
    pub(crate) fn notify<'a>(
        &self,
        notes: &Notes,
        response: &GuardedResponse<'a>,
        body: impl Fn(usize) -> Option<Payload<'a>>,
    ) {
        for (guard, limit) in self.list.iter().zip(&notes.limits) {
            let Some(body) = body(*limit) else { continue };
            let response = GuardedResponse { body, ..*response };
            if unwind::call(|| guard.on_response(&response)).is_err() {
                tracing::error!(target: TARGET, "a guard panicked at the end of a response");
            }
        }
    }
}

impl fmt::Debug for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} guards", self.list.len())
    }
}
