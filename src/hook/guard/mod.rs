//! Guards: host code that decides whether a request may be sent.

pub(crate) mod guards;
mod notes;
mod request;
mod response;

use std::future::Future;
use std::sync::Arc;

pub(crate) use self::guards::Guards;
pub(crate) use self::notes::Notes;
pub(crate) use self::request::Subject;
pub use self::request::{GuardHead, GuardRequest};
pub use self::response::GuardedResponse;
use crate::context::GatewayContext;
use crate::rejection::Refusal;

/// Checks each request before it is sent, and may refuse it. Use it for moderation and data loss
/// prevention.
///
/// A guard runs once per request, not again for retries and fallbacks. It runs last: the provider
/// is chosen, the caller is authorized, the head is rewritten, and nothing has been sent. It gets
/// the kind of request and, up to [`body_limit`](Self::body_limit), the start of the body as the
/// client sent it. Of the headers it gets only `content-type` and `content-encoding`. It gets no
/// query, gateway token or key. Each entry of a universal request is checked as a separate request,
/// without its headers and `config`.
///
/// The body is read up to that limit, under the [body
/// timeout](crate::GatewayLayerBuilder::body_timeout) and the total timeout, and counts towards the
/// [budget](crate::GatewayLayerBuilder::body_budget). The provider gets it byte for byte. A running
/// guard holds no permit of the upstream stack.
///
/// Failures refuse the request: a guard that panics (500, code 2500), and guards that together
/// exceed the [guard timeout](crate::GatewayLayerBuilder::guard_timeout) (503, code 2503). If the
/// client disconnects, the future of [`check`](Self::check) is dropped.
///
/// Responses are not delayed; see [`on_response`](Self::on_response).
///
/// ```
/// use tower_ai_gateway::guard::{GuardHead, GuardRequest, Verdict};
/// use tower_ai_gateway::{GatewayLayer, Guard, Operation, Provider, Refusal};
///
/// struct NoSecrets;
///
/// impl Guard for NoSecrets {
///     fn body_limit(&self, head: &GuardHead<'_>) -> usize {
///         if head.operation == Operation::Audio { 0 } else { 1 << 20 }
///     }
///
///     async fn check(&self, request: GuardRequest<'_>) -> Verdict {
///         if request.body.text_lossy().contains("BEGIN PRIVATE KEY") {
///             return Refusal::forbidden("The prompt has a private key.").into();
///         }
///         if request.body.is_whole { Verdict::Pass } else { Verdict::flag("unread") }
///     }
/// }
///
/// let layer = GatewayLayer::builder().provider(Provider::xai()).guard(NoSecrets).build()?;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Guard`",
    note = "implement the trait: `async fn check(&self, request: GuardRequest<'_>) -> Verdict`"
)]
pub trait Guard: Send + Sync + 'static {
    /// Checks one request. Usually implemented as an `async fn`.
    fn check(&self, request: GuardRequest<'_>) -> impl Future<Output = Verdict> + Send;

    /// The number of bytes of the body that this guard needs.
    ///
    /// Default: 0, which means that the body is not read before the request is sent.
    fn body_limit(&self, head: &GuardHead<'_>) -> usize {
        let _ = head;
        0
    }

    /// The number of bytes of the response body that [`on_response`](Self::on_response) needs.
    /// Called when the response head arrives.
    ///
    /// Default: 0, which means that `on_response` is not called.
    fn response_limit(&self, context: &GatewayContext) -> usize {
        let _ = context;
        0
    }

    /// Called once for each relayed response of a provider when it ends, complete or not. The
    /// client already has it.
    ///
    /// Called on the task that drives the request, from `Drop`, or on the task that watches over its
    /// timeouts, so it must not block. A panic
    /// loses only this event.
    fn on_response(&self, response: &GuardedResponse<'_>) {
        let _ = response;
    }
}

impl<G: Guard> Guard for Arc<G> {
    fn check(&self, request: GuardRequest<'_>) -> impl Future<Output = Verdict> + Send {
        (**self).check(request)
    }

    fn body_limit(&self, head: &GuardHead<'_>) -> usize {
        (**self).body_limit(head)
    }

    fn response_limit(&self, context: &GatewayContext) -> usize {
        (**self).response_limit(context)
    }

    fn on_response(&self, response: &GuardedResponse<'_>) {
        (**self).on_response(response);
    }
}

/// The decision of a [`Guard`] about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Send the request.
    Pass,
    /// Send the request and add this label to [`EndEvent::flags`](crate::EndEvent::flags), logs and
    /// spans. An exchange keeps 8 different labels of up to 64 characters. Longer labels are cut,
    /// and empty ones ignored.
    Flag(String),
    /// Do not send the request: the client gets this answer. No further guard runs.
    Refuse(Refusal),
}

impl Verdict {
    /// Creates a [`Flag`](Self::Flag).
    pub fn flag(label: impl Into<String>) -> Self {
        Self::Flag(label.into())
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}
