//! Whether a response is an error, by its status or by the start of its body.
//!
//! Some providers send errors with a successful status: xAI and others as JSON, Anthropic and
//! others as the first event of a stream. The head of such a response is held back until the start
//! of its body has been read, within [bounds](classifying).

mod body;
mod classifying;

use http::{Extensions, Request, Response, StatusCode};

pub use self::body::ClassifiedBody;
pub(super) use self::body::{Classified, Kind as ClassifiedKind};
pub(super) use self::classifying::{Classifying, is_answer, suspect_format};
use crate::context::GatewayContext;
use crate::control::classify::CallClass;

/// The classification of a response by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An answer, or possibly one.
    Answer,
    /// An error, with the status of that kind of error if known.
    Error(Option<StatusCode>),
    /// The response broke off.
    Broken,
}

/// The result of a layer that may have read the start of a response.
pub(super) type ClassifiedResult<R, E> = Result<Response<ClassifiedBody<R>>, E>;

/// Wraps a response from which nothing was read.
pub(super) fn unclassified<R, E>(result: Result<Response<R>, E>) -> ClassifiedResult<R, E> {
    result.map(|response| response.map(ClassifiedBody::new))
}

/// Marks a request without a gateway, in its extensions.
#[derive(Clone, Copy, Debug)]
struct ClassifiedMarker;

/// Marks the request: its response may be dropped because of its body, so layers below must be able
/// to release their permits before the body ends.
pub(super) fn mark_classified<B>(request: &mut Request<B>, context: Option<&GatewayContext>) {
    match context {
        Some(context) => context.set_classified(),
        None => drop(request.extensions_mut().insert(ClassifiedMarker)),
    }
}

pub(super) fn is_marked_classified(
    extensions: &Extensions,
    context: Option<&GatewayContext>,
) -> bool {
    match context {
        Some(context) => context.is_classified(),
        None => extensions.get::<ClassifiedMarker>().is_some(),
    }
}

/// Returns true if this status is not an answer, so that another provider may give one.
pub(super) fn is_failure(status: StatusCode) -> bool {
    CallClass::from(status) >= CallClass::Fallback
}
