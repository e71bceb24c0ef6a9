//! Whether a response is an error, by its status or by the beginning of its body.
//!
//! A status says so, or what stands under a status of success: xAI and others answer with JSON that
//! is an error, Anthropic and others with a stream whose first event is one. The head of such a
//! response is held back until its beginning tells, within [bounds](classifying).

mod body;
mod classifying;

use http::{Extensions, Request, Response, StatusCode};

pub use self::body::ClassifiedBody;
pub(super) use self::body::{Classified, Kind as ClassifiedKind};
pub(super) use self::classifying::{Classifying, may_be_error};
use crate::context::GatewayContext;
use crate::control::classify::CallClass;

/// What a response is, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is an answer, or may be one.
    Answer,
    /// It is an error, of the kind that this status has, where that is known.
    Error(Option<StatusCode>),
    /// It has broken off.
    Broken,
}

/// What a layer hands on that may have read the beginning of a response.
pub(super) type Given<R, E> = Result<Response<ClassifiedBody<R>>, E>;

/// Hands on a response of which nothing was read.
pub(super) fn as_it_is<R, E>(result: Result<Response<R>, E>) -> Given<R, E> {
    result.map(|response| response.map(ClassifiedBody::new))
}

/// In the extensions of a request without a gateway.
#[derive(Clone, Copy, Debug)]
struct Announced;

/// Says to the layers below that the response may be put aside for what stands in its body: they
/// then hold nothing that cannot be given back before the body is over.
pub(super) fn announce<B>(request: &mut Request<B>, context: Option<&GatewayContext>) {
    match context {
        Some(context) => context.set_classified(),
        None => drop(request.extensions_mut().insert(Announced)),
    }
}

pub(super) fn is_announced(extensions: &Extensions, context: Option<&GatewayContext>) -> bool {
    match context {
        Some(context) => context.is_classified(),
        None => extensions.get::<Announced>().is_some(),
    }
}

/// Whether a response of this status is no answer, for another provider could give one.
pub(super) fn is_failure(status: StatusCode) -> bool {
    CallClass::from(status) >= CallClass::Elsewhere
}
