//! The gateway beside an app.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use crate::gateway::future::InterceptFuture;
use crate::request::body::RequestBody;
use crate::request::stages::Shared;
use crate::response::intercept_body::InterceptBody;
use crate::util::macros::service_accessors;

/// Sends requests on gateway paths to the upstream `U`, and all others unchanged to the app `S`.
///
/// Created by [`GatewayLayer::upstream`](crate::GatewayLayer::upstream). It is ready when the app
/// is: a saturated upstream delays only its own requests. Errors of the upstream become responses,
/// so the error type is the app's (`Infallible` with axum).
///
/// What `poll_ready` has reserved in the app is kept for the next call if the request is for the
/// gateway. So where callers keep a service for long, an app under a shared limit of concurrent
/// requests should be cloned for each call, as hyper's and axum's servers do.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, body::Body, routing::get};
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};
///
/// let client = service_fn(|_: Request<RequestBody<Body>>| async {
///     Ok::<_, std::io::Error>(Response::new(Body::from("the provider's")))
/// });
/// let app = Router::new().route("/", get(|| async { "the app's" }));
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?.upstream(client).layer(app);
/// let page = gateway.oneshot(Request::get("/").body(Body::empty())?).await?;
/// assert_eq!(axum::body::to_bytes(Body::new(page.into_body()), 64).await?, "the app's");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Intercept<S, U> {
    app: S,
    upstream: U,
    shared: Arc<Shared>,
}

impl<S, U> Intercept<S, U> {
    pub(crate) fn with(app: S, upstream: U, shared: Arc<Shared>) -> Self {
        Self { app, upstream, shared }
    }
}

impl<S, U, B, A, R> Service<Request<B>> for Intercept<S, U>
where
    S: Service<Request<B>, Response = Response<A>>,
    U: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    U::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<InterceptBody<A, R>>;
    type Error = S::Error;
    type Future = InterceptFuture<S::Future, U, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.app.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        {
            let snapshot = self.shared.snapshot();
            if let Some(route) = snapshot.route(&request) {
                return InterceptFuture::gateway(&snapshot, &route, request, &mut self.upstream);
            }
        }
        // After dropping the snapshot, so that the app's future is built in place.
        self.shared.leave_to_app(&request);
        InterceptFuture::app(self.app.call(request))
    }
}

service_accessors!(Intercept<S, U>, app);
