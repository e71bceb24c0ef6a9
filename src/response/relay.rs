//! Turns a provider's response or the gateway's own answer into the client's response.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use http_body::Body;

use crate::context::GatewayContext;
use crate::directives::Warning;
use crate::exchange::request_state::RequestState;
use crate::exchange::usage_option;
use crate::exchange::{Exchange, SharedExchange};
use crate::hook::{CacheEntryShown, CacheStatus, Failure, Outcome};
use crate::provider::headers;
use crate::rejection::{ErrorFormat, Refusal, Rejection};
use crate::response::body::{ResponseBody, Trailers};
use crate::response::failure;
use crate::response::hide_usage::Hiding;
use crate::usage::Format;
use crate::util::body_hint::is_over;
use crate::util::content_length;

const LOG_ID: HeaderName = HeaderName::from_static("cf-aig-log-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("cf-aig-request-id");
const EVENT_ID: HeaderName = HeaderName::from_static("cf-aig-event-id");
const STEP: HeaderName = HeaderName::from_static("cf-aig-step");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cf-aig-cache-status");
const PROVIDER: HeaderName = HeaderName::from_static("cf-aig-provider");
const MODEL: HeaderName = HeaderName::from_static("cf-aig-model");
const WARNING: HeaderName = HeaderName::from_static("cf-aig-warning");

/// What a request keeps for its response.
#[derive(Debug)]
pub(crate) struct ResponseRelay {
    pub(crate) context: GatewayContext,
    pub(crate) exchange: Exchange,
    pub(crate) format: ErrorFormat,
    pub(crate) takes_trailers: bool,
    /// The gateway chose the provider, so the response names it.
    pub(crate) announces_provider: bool,
    /// The client is an axum router, or a service around one.
    pub(crate) is_around_router: bool,
    /// The request body, while it can still refuse the request or may ask for usage.
    pub(crate) watch: Option<Arc<RequestState>>,
}

impl ResponseRelay {
    /// The provider's response for the client.
    pub(crate) fn into_response<B: Body>(
        mut self,
        mut response: Response<B>,
    ) -> Response<ResponseBody<B>> {
        if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
            return self.refused(refusal).map(ResponseBody::local);
        }
        let status = response.status();
        let is_readable = headers::strip_response(response.headers_mut(), self.takes_trailers);
        // No upgrade was requested, and a tunnel would let anyone write to the connection.
        if status == StatusCode::SWITCHING_PROTOCOLS || !is_readable {
            return self
                .failed(Failure::Protocol, failure::answer(Failure::Protocol))
                .map(ResponseBody::local);
        }
        if self.is_around_router {
            self.exchange.answered_by_router(&response);
        }
        let cache = response.extensions().get::<CacheStatus>().copied();
        self.exchange.head(status, response.headers(), cache);
        // A host that forwards extensions must not reveal the key to clients.
        if cache.is_some()
            && let Some(shown) = response.extensions_mut().remove::<CacheEntryShown>()
        {
            self.exchange.has_cache_entry(shown);
        }
        self.learn_usage_option(status);
        // Servers translate this version only. In 1.0 a break would look like the end of the body.
        *response.version_mut() = Version::HTTP_11;
        let headers = response.headers_mut();
        self.add_gateway_headers(headers);
        let step = match self.context.step() {
            0 => HeaderValue::from_static("0"),
            step => HeaderValue::from(step),
        };
        headers.insert(STEP, step);
        if let Some(cache) = cache {
            headers.insert(CACHE_STATUS, HeaderValue::from_static(cache.as_str()));
        }
        let hiding = self.hiding(status, headers);
        if hiding.is_some() {
            headers.remove(CONTENT_LENGTH);
        }
        let shared_exchange = response.extensions_mut().remove::<Arc<SharedExchange>>();
        self.exchange.head_relayed();
        self.expect_end(&response);
        response.extensions_mut().insert(self.context);
        let trailers = if self.takes_trailers { Trailers::Stripped } else { Trailers::Dropped };
        response.map(|body| {
            ResponseBody::relayed(
                body,
                self.exchange,
                trailers,
                self.watch,
                hiding,
                shared_exchange,
            )
        })
    }

    /// Ends the exchange if no body follows, whatever the body says of itself: nobody may poll it.
    fn expect_end<B: Body>(&mut self, response: &Response<B>) {
        let is_bodyless = *self.context.method() == Method::HEAD
            || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if is_bodyless || is_over(response.body()) {
            self.exchange.end(Outcome::Complete);
        } else if self.exchange.is_observed() && response.body().size_hint().exact().is_none() {
            self.exchange.declare(content_length::declared(response.headers()));
        }
    }

    /// Remembers whether the provider accepts the option that asks for usage.
    fn learn_usage_option(&self, status: StatusCode) {
        let Some(watch) = self.watch.as_ref() else { return };
        if watch.asks_for_usage() != Some(true) {
            return;
        }
        let Some(option) = self.context.upstream().map(|upstream| upstream.usage_option()) else {
            return;
        };
        let model = self.context.routed_model().or(watch.model()).unwrap_or_default();
        if status.is_success() {
            option.accepted(model);
        } else if usage_option::may_be_refused(status) {
            option.doubted(model);
        }
    }

    /// Hides the usage that the gateway asked for, if the response is a stream.
    fn hiding(&self, status: StatusCode, headers: &HeaderMap) -> Option<Hiding> {
        let watch = self.watch.as_ref()?;
        // A provider may start to answer before it has the whole request.
        let asks = watch.asks_for_usage() != Some(false);
        let is_stream = || {
            status.is_success()
                && !headers.contains_key(CONTENT_ENCODING)
                && Format::of(headers.get(CONTENT_TYPE)) == Some(Format::Sse)
        };
        (asks && is_stream()).then(|| Hiding::new(watch.clone()))
    }

    /// The answer to a request whose upstream call failed.
    pub(crate) fn failed(mut self, failure: Failure, rejection: Rejection) -> Response<Bytes> {
        self.exchange.attempt_failed(failure);
        self.answer(rejection, Outcome::Failed)
    }

    /// The answer of a layer below that refused the request. It does not count as a call: the
    /// provider was not called.
    pub(crate) fn refused(mut self, refusal: Refusal) -> Response<Bytes> {
        self.exchange.call_refused();
        self.answer(refusal.into(), Outcome::Rejected)
    }

    /// The answer to a request whose body was refused while it was sent. What the provider answers
    /// to the first part does not matter.
    pub(crate) fn cut_off(mut self, rejection: Rejection) -> Response<Bytes> {
        self.exchange.attempt_failed(Failure::RequestBody);
        self.answer(rejection, Outcome::Rejected)
    }

    /// The gateway's own answer, which ends the exchange.
    pub(crate) fn answer(mut self, rejection: Rejection, outcome: Outcome) -> Response<Bytes> {
        let code = rejection.code;
        let mut response = rejection.into_response(self.context.asked(), self.format);
        self.add_gateway_headers(response.headers_mut());
        self.keep_head_alone(&mut response);
        self.exchange.answered_with_error(code, response.body().len(), outcome);
        response.extensions_mut().insert(self.context);
        response
    }

    /// The gateway's own JSON that is not an error. Ends the exchange.
    pub(crate) fn serve(mut self, json: String) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(json));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.add_gateway_headers(headers);
        self.keep_head_alone(&mut response);
        self.exchange.answered_locally(response.status(), response.body().len());
        response.extensions_mut().insert(self.context);
        response
    }

    /// Takes the body off an answer to HEAD: over HTTP/2, any data would be an error of the protocol.
    fn keep_head_alone(&self, response: &mut Response<Bytes>) {
        if *self.context.method() == Method::HEAD {
            let length = std::mem::take(response.body_mut()).len();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }

    fn add_gateway_headers(&self, headers: &mut HeaderMap) {
        let directives = self.context.directives();
        let event_id = directives.and_then(|directives| directives.event_id.clone());
        let log_id = self.context.log_id().header_value();
        headers.insert(LOG_ID, log_id.clone());
        headers.insert(REQUEST_ID, log_id.clone());
        headers.insert(EVENT_ID, event_id.unwrap_or(log_id));
        if let Some(reserved) = self.context.reserved() {
            reserved.write_fields(&self.context, headers);
        }
        let warning = directives.and_then(|directives| directives.warning.as_deref());
        if let Some(warning) = warning.and_then(Warning::value) {
            headers.insert(WARNING, warning);
        }
        if self.announces_provider || self.context.step() > 0 {
            if let Some(upstream) = self.context.upstream() {
                headers.insert(PROVIDER, upstream.slug_value().clone());
            }
            if let Some(Ok(model)) = self.context.routed_model().map(HeaderValue::from_str) {
                headers.insert(MODEL, model);
            }
        }
    }
}
