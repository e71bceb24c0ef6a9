//! Requests that go nowhere before something of their body is read.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body::Body;

use crate::admit::{Shared, allow_model, allow_provider};
use crate::body::RequestBody;
use crate::headers::Survey;
use crate::hook::Outcome;
use crate::peek::{Found, Peek};
use crate::refusal;
use crate::rejection::Rejection;
use crate::relay::Relay;
use crate::route::join::PathRefused;
use crate::route::model::RoutedModel;
use crate::step::Step;

/// What must be read of a body before it is known where the request goes, or whether it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The provider, which stands before the model; then this endpoint of its.
    Provider(&'static str),
    /// The model, whether it may be used.
    AnyModel,
}

/// A request that waits for what is sought.
pub(crate) struct Seek {
    pub(crate) sought: Sought,
    pub(crate) survey: Survey,
    pub(crate) relay: Relay,
}

/// A request as its provider is to get it, and what waits for the response.
type Forwarded<B> = (Request<RequestBody<B>>, Relay);

/// A request whose body is being read for what is sought.
pub(crate) struct Peeking<B> {
    shared: Arc<Shared>,
    head: Request<()>,
    survey: Survey,
    peek: Peek<B>,
    sought: Sought,
    pub(crate) relay: Relay,
}

impl<B: Body<Data = Bytes>> Peeking<B> {
    pub(crate) fn new(shared: &Arc<Shared>, seek: Seek, request: Request<B>) -> Self {
        let Seek { sought, survey, mut relay } = seek;
        let watch = relay.exchange.watch();
        relay.watch = Some(watch.clone());
        relay.announces_provider = sought != Sought::AnyModel;
        relay.exchange.pause();
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let peek = Peek::new(body, watch, sought, shared.peek_limit);
        Self { shared: shared.clone(), head, survey, peek, sought, relay }
    }

    pub(crate) fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Rejection>> {
        Poll::Ready(ready!(self.peek.poll_model(cx)))
    }

    /// It is found, or cannot be: the request as its provider is to get it, or the answer.
    pub(crate) fn conclude(
        mut self,
        found: Result<Found, Rejection>,
    ) -> Result<Forwarded<B>, Box<Response<Bytes>>> {
        let edit = found.and_then(|found| self.settle(found));
        let Self { shared, mut head, peek, mut relay, .. } = self;
        let edit = match edit {
            Ok(edit) => edit,
            Err(rejection) => return Err(Box::new(relay.answer(rejection, Outcome::Rejected))),
        };
        let removed = edit.as_ref().map_or(0, RoutedModel::removed);
        shorten_content_length(head.headers_mut(), removed);
        let splice = shared.splice(&relay.context, head.headers_mut(), removed);
        let body = peek.into_body(edit.as_ref(), splice);
        relay.exchange.dispatch();
        Ok((head.map(|()| body), relay))
    }

    /// What is to be changed in the body, once the head is ready for its provider.
    fn settle(&mut self, found: Found) -> Result<Option<RoutedModel>, Rejection> {
        let Self { shared, head, survey, sought, relay, .. } = self;
        let context = &relay.context;
        match (found, *sought) {
            (Found::Routed(routed), Sought::Provider(endpoint)) => {
                let upstream = shared.providers.find(routed.prefix());
                let upstream = upstream.ok_or_else(|| refusal::unknown_prefix(routed.prefix()))?;
                allow_provider(context, upstream)?;
                allow_model(context, Some(routed.model()))?;
                let model = Some(routed.model().into());
                let step = Step::unified(upstream.clone(), endpoint, model);
                let uri = upstream.origin().openai_uri(endpoint, context.query());
                *head.uri_mut() = uri.map_err(|PathRefused| refusal::malformed_path())?;
                let way = step.way;
                context.set_first(step);
                shared.prepare(head, survey, upstream, way, context)?;
                Ok(Some(routed))
            }
            (Found::Named(model), _) => {
                allow_model(context, Some(&model))?;
                Ok(None)
            }
            (Found::Nothing { is_empty: true }, _) => Ok(None),
            (Found::Nothing { .. } | Found::Routed(_), _) => {
                // An upload, say. What must name a model has to name one that can be read.
                if context.operation().takes_model() {
                    allow_model(context, None)?
                }
                Ok(None)
            }
        }
    }
}

/// `by`: how many bytes of the body are left out; fewer than none where it grows.
fn shorten_content_length(headers: &mut HeaderMap, by: i64) {
    let Some(length) = headers.get(header::CONTENT_LENGTH).filter(|_| by != 0) else { return };
    let length = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
    match length.and_then(|length| length.checked_add_signed(by.checked_neg()?)) {
        Some(length) => headers.insert(header::CONTENT_LENGTH, length.into()),
        // Without it, the client service frames the body by itself.
        None => headers.remove(header::CONTENT_LENGTH),
    };
}
