//! A gateway beside an app, served over a real socket.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::util::MapRequest;
use tower::{BoxError, Layer, Service};
use tower_ai_gateway::client::HttpClientBuilder;
use tower_ai_gateway::settings::{ClientControl, GatewaySettings};
use tower_ai_gateway::{
    GatewayContext, GatewayLayer, GatewayLayerBuilder, HttpClient, Mount, Provider,
};

use super::message::Message;
use super::wire::Wire;

/// The gateway to serve.
#[derive(Debug)]
pub struct Setup {
    layer: GatewayLayerBuilder,
    client: HttpClientBuilder,
}

impl Setup {
    /// `grok` at `base`, under the default mounts, `/ai`, and `/only`, which is exclusive.
    pub fn new(base: impl Into<String>) -> Self {
        Self::below(base, Mount::hosted())
    }

    /// The same with the universal endpoint.
    pub fn universal(base: impl Into<String>) -> Self {
        Self::below(base, Mount::hosted().universal())
    }

    fn below(base: impl Into<String>, hosted: Mount) -> Self {
        let layer = GatewayLayer::builder()
            .provider(Provider::xai().base_url(base))
            .mount(hosted)
            .mount(Mount::rest())
            .mount(Mount::at("/ai"))
            .mount(Mount::at("/only").exclusive());
        Self { layer, client: HttpClient::builder() }
    }

    pub fn provider(self, provider: Provider) -> Self {
        self.layer(|layer| layer.provider(provider))
    }

    pub fn layer(
        mut self,
        change: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
    ) -> Self {
        self.layer = change(self.layer);
        self
    }

    pub fn client(mut self, change: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder) -> Self {
        self.client = change(self.client);
        self
    }

    /// Lets clients use every control header.
    pub fn all_controls(self) -> Self {
        self.layer(|layer| layer.settings(all_controls()))
    }

    pub async fn start(self) -> Gateway {
        let layer = self.layer.build().unwrap().upstream(self.client.build().unwrap());
        let service = MapRequest::new(layer.layer(app()), marked);
        Gateway::serve(service).await
    }
}

/// Settings that let clients use every control header.
pub fn all_controls() -> Arc<GatewaySettings> {
    let settings = GatewaySettings::builder().client_controls(ClientControl::ALL);
    Arc::new(settings.build().unwrap())
}

/// A served gateway.
#[derive(Clone, Copy, Debug)]
pub struct Gateway {
    pub addr: SocketAddr,
}

impl Gateway {
    /// Serves a service with both versions of HTTP.
    pub async fn serve<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let mut server = auto::Builder::new(TokioExecutor::new());
                    server.http1().timer(TokioTimer::new());
                    // Like axum's own server.
                    server.http2().enable_connect_protocol();
                    // Many tests have clients that disconnect.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { addr }
    }

    /// Serves `grok` at `base` with default settings.
    pub async fn start(base: impl Into<String>) -> Self {
        Setup::new(base).start().await
    }

    pub async fn connect(&self) -> Wire {
        Wire::connect(self.addr).await
    }

    /// The answer to a request on a new connection.
    pub async fn answer(&self, request: impl AsRef<[u8]>) -> Message {
        let mut wire = self.connect().await;
        wire.send(request).await;
        wire.read_message().await
    }
}

/// An extension that the server adds to each request before the gateway.
#[derive(Clone, Debug)]
struct Mark;

fn marked(mut request: Request<Incoming>) -> Request<Incoming> {
    request.extensions_mut().insert(Mark);
    request
}

fn app() -> Router {
    Router::new()
        .route("/health", axum::routing::get(|| async { "well" }))
        .route("/v1/users/{id}/posts", axum::routing::any(describe))
        .fallback(describe)
}

/// Answers with the request as the app received it.
async fn describe(request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    let headers: Vec<String> = headers.collect();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let json = serde_json::json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "mark": parts.extensions.get::<Mark>().is_some(),
        "context": parts.extensions.get::<GatewayContext>().is_some(),
    });
    let response = Response::builder()
        .status(418)
        .header("x-app", "1")
        .header("set-cookie", "session=1")
        .header("cf-aig-log-id", "the app's own");
    response.body(Body::from(json.to_string())).unwrap()
}
