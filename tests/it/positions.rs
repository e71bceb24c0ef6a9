//! The layer beside an app and around a client, in the forms that the documentation shows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tower::timeout::TimeoutLayer;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::settings::{GatewaySettings, OwnedSettingsQuery};
use tower_ai_gateway::{
    Gateway, GatewayLayer, HttpClient, Intercept, Mount, Provider, RequestBody,
};
use tower_http::map_response_body::MapResponseBodyLayer;

use crate::support::gateway::Gateway as Served;
use crate::support::message::{Message, ok, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::wire::Wire;

const NATIVE: &str = "POST /v1/acct/gw/grok/chat/completions";
const UNIFIED: &str = "POST /v1/acct/gw/compat/chat/completions";
const BODY: &[u8] = br#"{"model":"grok/grok-4"}"#;

fn layer(base: String) -> GatewayLayer {
    GatewayLayer::builder().provider(Provider::xai().base_url(base)).build().unwrap()
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "app" }))
        .route("/v1/users/{id}/posts", get(|| async { "posts" }))
}

/// Serves an app with `axum::serve`, and sends it requests one after the other.
async fn served(app: Router, requests: &[Vec<u8>]) -> Vec<Message> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut answers = Vec::new();
    for request in requests {
        answers.push(Wire::connect(addr).await.send_and_read(request).await);
    }
    answers
}

#[tokio::test]
async fn beside_an_axum_app_by_router_layer() {
    let upstream = Recorder::answering(|_| ok(b"grok")).await;
    let app = app().layer(layer(upstream.base("/v1")).upstream(HttpClient::new().unwrap()));
    let requests = [
        request(NATIVE, &[], BODY),
        request(UNIFIED, &[], BODY),
        request("GET /", &[], b""),
        request("GET /v1/users/42/posts", &[], b""),
        request("GET /nowhere", &[], b""),
    ];
    let answers = served(app, &requests).await;
    let bodies: Vec<&[u8]> = answers.iter().map(Message::body).collect();
    assert_eq!(bodies, [&b"grok"[..], b"grok", b"app", b"posts", b""]);
    assert_eq!(answers[4].status(), 404, "the app's own fallback");
    let targets: Vec<_> =
        upstream.requests().iter().map(|request| request.head.target().to_owned()).collect();
    assert_eq!(targets, ["/v1/chat/completions", "/v1/chat/completions"]);
}

#[tokio::test]
async fn around_a_whole_router_with_its_body_mapped() {
    let upstream = Recorder::answering(|_| ok(b"grok")).await;
    let gateway = layer(upstream.base("/v1")).upstream(HttpClient::new().unwrap());
    let service = ServiceBuilder::new()
        .layer(MapResponseBodyLayer::new(Body::new))
        .layer(gateway)
        .service(app());
    let requests = [request(NATIVE, &[], BODY), request("GET /", &[], b"")];
    let answers = served(Router::new().fallback_service(service), &requests).await;
    let bodies: Vec<&[u8]> = answers.iter().map(Message::body).collect();
    assert_eq!(bodies, [&b"grok"[..], b"app"]);
}

#[tokio::test]
async fn around_a_client() {
    let upstream = Recorder::answering(|_| ok(b"grok")).await;
    let service = layer(upstream.base("/v1")).around(HttpClient::new().unwrap());
    for line in [NATIVE, UNIFIED] {
        let path = line.split(' ').nth(1).unwrap();
        let request = Request::post(path).body(Full::from(BODY)).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "grok");
    }
    assert_eq!(upstream.requests()[1].body(), br#"{"model":"grok-4"}"#);
}

#[tokio::test]
async fn around_a_client_other_requests_pass_unchanged() {
    let echo = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async move {
        let uri = request.uri().to_string();
        assert!(request.extensions().is_empty());
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::from(uri)))
    });
    let uri = "https://elsewhere.example/v1/users/42/posts?a=1";
    let request = Request::get(uri).header("cookie", "a=1").body(Full::default()).unwrap();
    let response = layer("http://127.0.0.1:9/v1".into())
        .client_layer()
        .layer(echo)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), uri);
}

#[tokio::test]
async fn around_a_client_a_last_mount_keeps_absolute_uris_from_other_hosts() {
    let provider = Recorder::answering(|_| ok(b"grok")).await;
    let elsewhere = Recorder::answering(|_| ok(b"elsewhere")).await;
    let open = layer(provider.base("/v1"));
    let closed = GatewayLayer::builder()
        .provider(Provider::xai().base_url(provider.base("/v1")))
        .mount(Mount::hosted())
        .mount(Mount::at("").exclusive())
        .build()
        .unwrap();
    let open = Served::serve(open.around(HttpClient::new().unwrap())).await;
    let closed = Served::serve(closed.around(HttpClient::new().unwrap())).await;
    for path in ["/", "/secret", "/v1/users/42/posts", "//x", ""] {
        let absolute = request(&format!("GET {}", elsewhere.base(path)), &[], b"");
        assert_eq!(open.answer(&absolute).await.body(), b"elsewhere", "{path}");
        assert_eq!(elsewhere.requests().len(), 1);
        elsewhere.clear();
        let refused = closed.answer(&absolute).await;
        assert!(matches!(refused.status(), 400 | 404), "{path}: {}", refused.text());
        assert!(elsewhere.requests().is_empty(), "{path}");
    }
    for line in [NATIVE, UNIFIED] {
        assert_eq!(closed.answer(request(line, &[], BODY)).await.body(), b"grok");
    }
}

#[tokio::test]
async fn a_timeout_layer_below_is_a_504_that_names_it() {
    let mut upstream = RawUpstream::start().await;
    let client = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(HttpClient::new().unwrap());
    let app = app().layer(layer(upstream.base("/v1")).upstream(client));
    let silent = async {
        let mut provider = upstream.accept().await;
        provider.read_message().await;
        // The provider neither answers nor closes while the gateway waits.
        provider.ended().await
    };
    let requests = [request(NATIVE, &[], BODY)];
    let (answers, _) = tokio::join!(served(app, &requests), silent);
    let error = answers[0].gateway_error(504, 2504);
    assert!(error["error"]["message"].as_str().unwrap().contains("head timeout"), "{error}");
}

#[test]
fn every_service_is_made_by_its_layer_and_returns_its_inner_service() {
    macro_rules! check {
        ($service:ty, $layer:expr) => {{
            let mut service = <$service>::new(1_u8, &$layer);
            *service.get_mut() += 1;
            assert_eq!((*service.get_ref(), service.into_inner()), (2, 2));
        }};
    }
    let gateway = layer("http://127.0.0.1:9/v1".into());
    check!(Gateway<u8>, gateway.client_layer());
    check!(Intercept<u8, ()>, gateway.upstream(()));
    let gateway = GatewayLayer::builder().provider(Provider::xai()).settings_from_extensions();
    let settings = async |_: OwnedSettingsQuery| Ok(Arc::<GatewaySettings>::default());
    check!(tower_ai_gateway::settings_layer::WithSettings<u8, _>, gateway.build().unwrap().settings_layer(settings).unwrap());
    #[cfg(feature = "jwt")]
    check!(tower_ai_gateway::jwt::Jwt<u8>, tower_ai_gateway::jwt::JwtLayer::off());
    #[cfg(feature = "control")]
    {
        use tower_ai_gateway::control::health::HealthLayer;
        use tower_ai_gateway::control::{
            Call, ConcurrencyLayer, Control, ControlLayer, DeadlineLayer, Fallback, FallbackLayer,
            FetchedKey, KeyLayer, KeyQuery, KeySource, Replay, ReplayLayer, Retry, RetryLayer,
            Timeout, TimeoutLayer, WithKey,
        };
        struct Vault;
        impl KeySource for Vault {
            async fn fetch(&self, _: KeyQuery) -> Result<Option<FetchedKey>, tower::BoxError> {
                Ok(None)
            }
        }
        check!(Timeout<u8>, TimeoutLayer::default());
        check!(Timeout<u8>, DeadlineLayer::default());
        check!(Retry<u8>, RetryLayer::default());
        check!(Fallback<u8>, FallbackLayer::new());
        check!(Replay<u8>, ReplayLayer::new());
        check!(Call<u8>, ConcurrencyLayer::new(1));
        check!(Call<u8>, HealthLayer::new());
        check!(Control<u8>, ControlLayer::new());
        check!(WithKey<u8, _>, KeyLayer::new(Vault));
    }
}
