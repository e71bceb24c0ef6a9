//! The gateway around a client.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use crate::exchange::misuse::is_axum_router;
use crate::gateway::future::ResponseFuture;
use crate::request::body::RequestBody;
use crate::request::stages::Shared;
use crate::response::body::ResponseBody;
use crate::util::macros::service_accessors;

/// Rewrites requests on gateway paths and sends them with the wrapped client. The client gets all
/// other requests unchanged.
///
/// Created by [`GatewayLayer::around`](crate::GatewayLayer::around), or by a
/// [`ClientLayer`](crate::ClientLayer) in a stack of layers. The client's errors pass through
/// unchanged, except those that hold a [`Refusal`](crate::Refusal), which becomes the response, and
/// those of a request body over the host's limit, which is answered with 413.
/// Events classify other errors if they come from a known HTTP client or [`std::io`], or are boxed.
/// Your own error type is searched for a refusal or a source only if it is boxed: put tower's
/// `map_err(BoxError::from)` between the gateway and the client.
///
/// # Other requests
///
/// A request that is not the gateway's goes to the client with the URI that it came with. Over HTTP/2
/// every URI names a host, and over HTTP/1.1 it may (`GET http://host/ HTTP/1.1`). If you serve a
/// `Gateway` directly, it is thus an open proxy: anyone who reaches it can have the client, such as an
/// [`HttpClient`](crate::HttpClient), call any host. Put a service above that answers these requests,
/// or add a last mount that claims all paths, as below; then only preflights of CORS pass, until a layer
/// above answers them. A gateway [beside an app](crate::Intercept) is no proxy.
///
/// ```
/// use tower_ai_gateway::{GatewayLayer, Mount, Provider};
///
/// let gateway = GatewayLayer::builder()
///     .provider(Provider::xai())
///     .mount(Mount::hosted())
///     .mount(Mount::at("").exclusive()) // answers 404 or 400 to everything else
///     .build()?;
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower::{ServiceExt, service_fn};
/// use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};
///
/// // Instead of an HTTP client.
/// let client = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async move {
///     assert_eq!(request.uri(), "https://api.x.ai/v1/models");
///     Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from("{}")))
/// });
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?.around(client);
/// let request = Request::get("/v1/acct/gw/grok/models").body(Full::default())?;
/// assert_eq!(gateway.oneshot(request).await?.status(), 200);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Gateway<S> {
    inner: S,
    shared: Arc<Shared>,
    is_around_router: bool,
}

impl<S> Gateway<S> {
    pub(crate) fn with(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared, is_around_router: is_axum_router::<S>() }
    }
}

impl<S, B, R> Service<Request<B>> for Gateway<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let snapshot = self.shared.snapshot();
        let Some(route) = snapshot.route(&request) else {
            return ResponseFuture::not_ours(self.inner.call(request.map(RequestBody::new)));
        };
        ResponseFuture::ours(&snapshot, &route, request, self.is_around_router, &mut self.inner)
    }
}

service_accessors!(Gateway<S>, inner);
