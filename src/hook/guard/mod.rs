//! Guards: code of the host's that decides whether a request may be sent.

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

/// Looks at each request before it is sent, and may refuse it: the place for moderation, and for
/// keeping certain data from leaving.
///
/// A guard is asked once per request, whatever is retried or tried as a fallback. It runs when all
/// else is settled (the provider, the caller's rights, the rewriting of the head) and nothing is sent
/// yet. It sees the kind of request and, where it asks by [`body_limit`](Self::body_limit), the
/// beginning of the body as the client sent it. It sees no query, no header but two that say what the
/// body is, no gateway token and no key. Each entry of a universal request is a request of its own
/// here; its headers and its `config` are not shown.
///
/// The body is read up to the bound, under the [body timeout](crate::GatewayLayerBuilder::body_timeout) and the
/// total timeout, and counts towards the [budget](crate::GatewayLayerBuilder::body_budget). The provider gets it
/// byte for byte. While a guard runs, no permit of the upstream stack is held.
///
/// What goes wrong refuses the request: a guard that panics (500, code 2500), and guards that
/// together take longer than the [guard timeout](crate::GatewayLayerBuilder::guard_timeout) (503, code 2503).
/// When the client goes away, the future of [`check`](Self::check) is dropped.
///
/// Responses are not held back: see [`on_response`](Self::on_response).
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
    /// Decides about one request. `async fn` is the usual way to write it.
    fn check(&self, request: GuardRequest<'_>) -> impl Future<Output = Verdict> + Send;

    /// How many bytes of the body this guard wants to see.
    ///
    /// Default: 0. The body is then not read before the request is sent.
    fn body_limit(&self, head: &GuardHead<'_>) -> usize {
        let _ = head;
        0
    }

    /// How many bytes of the response body [`on_response`](Self::on_response) wants to see. Asked
    /// when the response head is there.
    ///
    /// Default: 0. `on_response` is then not called.
    fn response_limit(&self, context: &GatewayContext) -> usize {
        let _ = context;
        0
    }

    /// A response has come to its end, well or not: called once for each response head of a
    /// provider's that was relayed. The client has the response by then.
    ///
    /// Called on the task that drives the request, or from `Drop`: it must not block. A panic costs
    /// the event.
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

/// What a [`Guard`] thinks of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It may be sent.
    Pass,
    /// It may be sent, and this label is kept with it: in
    /// [`EndEvent::flags`](crate::EndEvent::flags), logs and spans. An exchange keeps 8 different
    /// labels of up to 64 characters; longer ones are cut, and empty ones are none.
    Flag(String),
    /// It is not sent, and the client gets this answer. No further guard is asked.
    Refuse(Refusal),
}

impl Verdict {
    /// Lets the request pass and keeps a label with it.
    pub fn flag(label: impl Into<String>) -> Self {
        Self::Flag(label.into())
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}
