//! A host's own error response to a request on a gateway path.

use std::borrow::Cow;
use std::time::Duration;

use http::{Response, StatusCode};

use super::{Code, Rejection};
use crate::util::macros::setters;
use crate::util::text::shortened;

/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 1024;
/// The longest name and parameter, in bytes.
const LONGEST_NAME: usize = 128;

/// The host's own error response to a request on a gateway path, instead of the provider's
/// response.
///
/// The gateway writes it in the format that the caller's SDK reads, and ends the exchange as
/// [`Outcome::Rejected`](crate::Outcome::Rejected), with the refusal's number in
/// [`EndEvent::gateway_code`](crate::EndEvent::gateway_code). It is not attributed to the provider.
///
/// It can come from:
///
/// - a [`SettingsResolver`](crate::settings::SettingsResolver), as its error;
/// - the source of a [`SettingsLayer`](crate::gateway::settings_layer::SettingsLayer), as its error;
/// - any layer above the gateway, in the extensions of the request;
/// - any layer between the gateway and its client, in the extensions of its response
///   ([`into_response`](Self::into_response));
/// - the same layer, as its error or as a source of its error.
///
/// A refusal from a layer above takes precedence over the gateway's own checks, including tokens. Such
/// a layer finds out where a request goes with [`route_of`](crate::GatewayLayer::route_of), one below the
/// gateway from the [`GatewayContext`](crate::GatewayContext).
///
/// The client sees the message: it must not hold a secret. Messages are cut to 1,024 bytes, names
/// and parameters to 128.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use tower_ai_gateway::Refusal;
///
/// let refusal = Refusal::over_budget("The budget of this team is spent.")
///     .retry_after(Duration::from_secs(3600));
/// assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(refusal.gateway_code(), 2041);
///
/// let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "The prompt has a card number.")
///     .code(9001)
///     .name("prompt_with_card_number")
///     .param("messages");
/// assert_eq!(refusal.gateway_code(), 9001);
/// ```
// Boxed: it is the error type of functions that mostly succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused with {}: {}", .0.status.as_u16(), .0.message)]
pub struct Refusal(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    status: StatusCode,
    number: u16,
    name: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    param: Option<Cow<'static, str>>,
    retry: Option<bool>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// Creates a refusal with a 4xx or 5xx status. Any other status becomes 500, so that a refusal
    /// never looks like an answer.
    ///
    /// Its code is 2000 plus the status, as in 2403. `x-should-retry: false` is sent with a status
    /// of 4xx, except 408, 409, 425 and 429; otherwise the header is left out.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        let may_pass = matches!(status.as_u16(), 408 | 409 | 425 | 429);
        Self(Box::new(Inner {
            status,
            number: 2000 + status.as_u16(),
            name: None,
            message: cut(message.into(), LONGEST_MESSAGE),
            param: None,
            retry: (status.is_client_error() && !may_pass).then_some(false),
            retry_after: None,
        }))
    }

    /// 401, code 2009: the caller is unknown.
    #[must_use]
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message).code(2009)
    }

    /// 403, code 2403: the caller may not do this.
    #[must_use]
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 400, code 2001: there is no gateway with this id. A
    /// [`SettingsTable`](crate::settings::SettingsTable) refuses unknown gateways with it.
    #[must_use]
    pub fn unknown_gateway(gateway: &str) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, no_gateway(gateway));
        refusal.code(2001).name("unknown_gateway")
    }

    /// 404, code 2001: this caller has no such gateway.
    #[must_use]
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message).code(2001)
    }

    /// 429, code 2003: the caller sends too many requests. Set [`retry_after`](Self::retry_after)
    /// to say when to come back.
    #[must_use]
    pub fn rate_limited(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message).code(2003)
    }

    /// 429, code 2041: the caller's budget is used up. Tells SDKs not to retry, unless
    /// [`should_retry`](Self::should_retry) is set.
    #[must_use]
    pub fn over_budget(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
            .code(2041)
            .name("over_budget")
            .should_retry(false)
    }

    /// 503, code 2503: the host cannot decide now. Tells SDKs to retry: nothing was sent.
    #[must_use]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message).should_retry(true)
    }
}

setters! { impl Refusal {
    /// The number in the body's `gateway.code` and in events. Choose any; the gateway's own are
    /// from 2000 to 2999.
    pub fn code(self, number: u16) => self.0.number = number;

    /// The text in `error.code` of an OpenAI-style body, such as `prompt_with_card_number`.
    ///
    /// Default: a name for the status, such as `not_allowed`.
    pub fn name(self, name: impl Into<Cow<'static, str>>) =>
        self.0.name = Some(cut(name.into(), LONGEST_NAME));

    /// The header or body member at fault: `error.param` of an OpenAI-style body. Default: none.
    pub fn param(self, param: impl Into<Cow<'static, str>>) =>
        self.0.param = Some(cut(param.into(), LONGEST_NAME));

    /// How long to wait before a retry: `retry-after`, in seconds, rounded up. Default: none.
    pub fn retry_after(self, after: Duration) => self.0.retry_after = Some(after);

    /// Whether a retry can succeed: `x-should-retry`, which the SDKs obey.
    pub fn should_retry(self, retry: bool) => self.0.retry = Some(retry);
}}

impl Refusal {
    /// A response with which a layer between the gateway and its client refuses a request. The
    /// gateway recognises it by the `Refusal` in its extensions and replaces head and body. A layer
    /// with a boxed error type can return the `Refusal` as its error instead.
    ///
    /// The layers of `control` pass it on: they do not retry it, do not fall back, and do not count
    /// it as the provider's failure. A layer that refuses without reading the request body drops
    /// the body, and an HTTP/1.1 server may then close the connection while a client is still
    /// sending; this does not happen to a layer above the gateway.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use tower::{BoxError, ServiceBuilder, ServiceExt};
    /// use tower_ai_gateway::{GatewayContext, GatewayLayer, Provider, Refusal, RequestBody};
    ///
    /// # tokio_test::block_on(async {
    /// let client = tower::service_fn(async |_: Request<RequestBody<Full<Bytes>>>| {
    ///     Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("the provider's answer")))
    /// });
    /// // The guard sees the provider's request and the gateway's context.
    /// let guarded = ServiceBuilder::new()
    ///     .filter(|request: Request<RequestBody<Full<Bytes>>>| {
    ///         let context = request.extensions().get::<GatewayContext>();
    ///         match context.and_then(GatewayContext::provider) {
    ///             Some("grok") => Err(Refusal::forbidden("Not before noon.")), // as an error
    ///             _ => Ok(request),
    ///         }
    ///     })
    ///     .service(client);
    /// let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    /// let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    /// let answer = gateway.around(guarded).oneshot(request.body(Full::default()).unwrap()).await;
    /// assert_eq!(answer.unwrap().status(), 403);
    ///
    /// // The same as a response.
    /// let guarded = tower::service_fn(async |_: Request<RequestBody<Full<Bytes>>>| {
    ///     Ok::<_, BoxError>(Refusal::forbidden("Not before noon.").into_response::<Full<Bytes>>())
    /// });
    /// let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    /// let answer = gateway.around(guarded).oneshot(request.body(Full::default()).unwrap()).await;
    /// assert_eq!(answer.unwrap().status(), 403);
    /// # });
    /// ```
    #[must_use]
    pub fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }

    /// The status that the client gets.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The number in `gateway.code` of the body.
    #[must_use]
    pub fn gateway_code(&self) -> u16 {
        self.0.number
    }

    /// The message that the client gets.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

/// Cuts a text to this many bytes, at a character boundary.
fn cut(text: Cow<'static, str>, longest: usize) -> Cow<'static, str> {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let end = end.unwrap_or_default();
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

impl From<Refusal> for Rejection {
    fn from(Refusal(refusal): Refusal) -> Self {
        let Inner { status, number, name, message, param, retry, retry_after } = *refusal;
        Self { code: Code::Host { status, number }, name, message, param, retry, retry_after }
    }
}

pub(crate) fn no_gateway(gateway: &str) -> String {
    format!("There is no gateway `{}` here.", shortened(gateway))
}

#[cfg(test)]
mod tests;
