//! Sends a request, as far as its body was read.

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::BoxError;

use crate::request::body::RequestBody;
use crate::request::peek::Peek;
use crate::request::stages::Shared;
use crate::request::watch::Watcher;
use crate::response::relay::ResponseRelay;
use crate::routing::model::Edit;
use crate::util::content_length;

impl Shared {
    /// Sends a request whose body was not read. The body is not watched unless something needs it.
    pub(crate) fn send<B>(
        &self,
        relay: &mut ResponseRelay,
        mut request: Request<B>,
    ) -> Request<RequestBody<B>> {
        let asks = self.may_ask_for_usage(&relay.context, &request);
        if !relay.exchange.is_observed() && !asks {
            let context = relay.context.clone();
            return request.map(|body| RequestBody::passed(body, context));
        }
        let watch = relay.exchange.watch();
        let splice = match asks {
            true => self.ask_for_usage(&relay.context, &mut request, None, &watch),
            false => None,
        };
        if splice.is_some() {
            relay.watch = Some(watch.clone());
        }
        relay.exchange.dispatch();
        let watcher = Watcher::boxed(watch, splice, &relay.context);
        request.map(|body| RequestBody::watched(body, watcher))
    }

    /// Sends a request whose body was partly read.
    pub(crate) fn send_peeked<B>(
        &self,
        relay: &mut ResponseRelay,
        mut head: Request<()>,
        peek: Peek<B>,
        edit: Option<&Edit>,
    ) -> Request<RequestBody<B>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        content_length::change(head.headers_mut(), edit.map_or(0, Edit::growth));
        let asks = self.may_ask_for_usage(&relay.context, &head);
        let splice = match &relay.watch {
            Some(watch) if asks => self.ask_for_usage(&relay.context, &mut head, edit, watch),
            _ => None,
        };
        if peek.is_lenient() && !peek.is_for_limits() && splice.is_none() {
            relay.watch = None;
        }
        let body = peek.into_body(edit, splice, &relay.context);
        relay.exchange.dispatch();
        head.map(|()| body)
    }

    /// Sends a request with its whole body: nothing can be refused or added any more.
    pub(crate) fn send_whole<B>(
        &self,
        relay: &mut ResponseRelay,
        head: Request<()>,
        body: Bytes,
    ) -> Request<RequestBody<B>> {
        relay.watch = None;
        relay.exchange.dispatch();
        head.map(|()| RequestBody::whole(body, None))
    }
}
