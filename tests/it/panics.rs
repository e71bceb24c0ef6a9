//! A panic in host code affects only its own request or event.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::hook::RequestEvent;
use tower_ai_gateway::settings::{GatewaySettings, SettingsQuery};
use tower_ai_gateway::{
    EndEvent, GatewayContext, GatewayLayer, MetricsHook, Outcome, Provider, RequestBody,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::every_thread;

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";

type Body = Full<Bytes>;
type Ends = Arc<Mutex<Vec<(Outcome, Option<u16>)>>>;

fn request() -> Request<Body> {
    Request::post(CHAT).header("authorization", "Bearer test-key").body(Body::from("{}")).unwrap()
}

async fn provider(_: Request<RequestBody<Body>>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("{}")))
}

async fn app(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::default()))
}

fn reported(ends: &Ends) -> impl Fn(&EndEvent<'_>) + Send + Sync + 'static {
    let ends = ends.clone();
    move |end| {
        let status = end.status.map(|status| status.as_u16());
        ends.lock().unwrap().push((end.outcome, status));
    }
}

#[tokio::test]
async fn a_resolver_that_panics_fails_only_its_request() {
    let ends = Ends::default();
    let calls = AtomicUsize::new(0);
    let resolver = move |_: &SettingsQuery<'_>| {
        assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 0, "the first call panics");
        Some(Arc::new(GatewaySettings::default()))
    };
    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .settings(resolver)
        .metrics_hook(reported(&ends))
        .build()
        .unwrap();
    let gateway = layer.upstream(service_fn(provider)).layer(service_fn(app));

    let answer = gateway.clone().oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["gateway"]["code"], 2500);
    assert_eq!(body["error"]["type"], "api_error");

    let answer = gateway.oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().collect().await.unwrap();
    let ends = ends.lock().unwrap();
    assert_eq!(*ends, [(Outcome::Rejected, Some(500)), (Outcome::Complete, Some(200))]);
}

/// Panics at every event.
struct Hook;

impl MetricsHook for Hook {
    fn on_request(&self, _: &RequestEvent<'_>) {
        panic!("at the request");
    }

    fn on_end(&self, _: &EndEvent<'_>) {
        panic!("at the end");
    }

    fn payload_limit(&self, _: &GatewayContext) -> usize {
        panic!("when it is asked");
    }
}

#[tokio::test]
async fn a_hook_that_panics_during_unwinding_does_not_abort() {
    let ends = Ends::default();
    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .metrics_hook(Hook)
        .metrics_hook(reported(&ends))
        .build()
        .unwrap();
    let broken =
        service_fn(async |_: Request<RequestBody<Body>>| -> Result<Response<Body>, Infallible> {
            panic!("the upstream panics")
        });
    let gateway = layer.upstream(broken).layer(service_fn(app));
    let ended = tokio::spawn(async move { drop(gateway.oneshot(request()).await) }).await;
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(*ends.lock().unwrap(), [(Outcome::Failed, None)]);
}

thread_local! {
    /// Set if writing an event failed since the current span was entered.
    static HAS_FAILED: Cell<bool> = const { Cell::new(false) };
}

/// A subscriber that panics at events, when the span around one is left, and when a span is closed,
/// like one that writes to a closed standard error.
struct Broken {
    is_armed: Arc<AtomicBool>,
    breakdowns: Arc<AtomicUsize>,
}

impl Broken {
    fn break_down(&self) {
        if self.is_armed.load(Ordering::Relaxed) {
            self.breakdowns.fetch_add(1, Ordering::Relaxed);
            panic!("nothing can be written");
        }
    }
}

impl Subscriber for Broken {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_ai_gateway"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        HAS_FAILED.set(true);
        self.break_down();
    }

    fn enter(&self, _: &Id) {
        HAS_FAILED.set(false);
    }

    /// If this were called while the event's panic unwinds, the process would abort.
    fn exit(&self, _: &Id) {
        if HAS_FAILED.take() {
            self.break_down();
        }
    }

    fn try_close(&self, _: Id) -> bool {
        self.break_down();
        true
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_at_the_end_affects_no_response() {
    use tracing::instrument::WithSubscriber as _;

    every_thread::may_log();
    let is_armed = Arc::new(AtomicBool::new(true));
    let breakdowns = Arc::new(AtomicUsize::new(0));
    let subscriber = Broken { is_armed: is_armed.clone(), breakdowns: breakdowns.clone() };
    let layer = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    let gateway = layer.upstream(service_fn(provider)).layer(service_fn(app));
    let exchanges = async move {
        let answer = gateway.clone().oneshot(request()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{}");
        let broken = service_fn(
            async |_: Request<RequestBody<Body>>| -> Result<Response<Body>, Infallible> {
                panic!("the upstream panics")
            },
        );
        let layer = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
        // The end is reported while the task unwinds.
        let gateway = layer.upstream(broken).layer(service_fn(app));
        let call = async move { drop(gateway.oneshot(request()).await) };
        let ended = tokio::spawn(call.with_current_subscriber()).await;
        assert!(ended.unwrap_err().is_panic());
    };
    exchanges.with_subscriber(subscriber).await;
    is_armed.store(false, Ordering::Relaxed);
    assert!(breakdowns.load(Ordering::Relaxed) >= 2, "it was asked at both ends");
}

#[cfg(feature = "control")]
mod control {
    use std::time::Duration;

    use http::Extensions;
    use tower::{BoxError, ServiceBuilder};
    use tower_ai_gateway::control::{ConcurrencyLayer, FetchedKey, KeyLayer, KeyQuery, KeySource};
    use tower_ai_gateway::settings::Secret;

    use super::*;

    /// Panics at the first two calls: immediately, and when polled.
    #[derive(Default)]
    struct Vault(AtomicUsize);

    impl KeySource for Vault {
        #[allow(clippy::manual_async_fn)]
        fn fetch(
            &self,
            _: KeyQuery,
        ) -> impl Future<Output = Result<Option<FetchedKey>, BoxError>> + Send {
            let call = self.0.fetch_add(1, Ordering::Relaxed);
            assert_ne!(call, 0, "the first call panics");
            async move {
                tokio::task::yield_now().await;
                assert_ne!(call, 1, "the second panics later");
                let key = Secret::new("example-key")?;
                Ok(Some(FetchedKey::new(key, Duration::from_secs(60))))
            }
        }
    }

    #[tokio::test]
    async fn a_key_source_that_panics_fails_only_its_request() {
        let ends = Ends::default();
        let layer = GatewayLayer::builder()
            .provider(Provider::xai())
            .metrics_hook(reported(&ends))
            .build()
            .unwrap();
        let upstream =
            ServiceBuilder::new().layer(KeyLayer::new(Vault::default())).service_fn(provider);
        let gateway = layer.upstream(upstream).layer(service_fn(app));
        for status in [503, 503, 200] {
            let request = Request::post(CHAT).body(Body::from("{}")).unwrap();
            let answer = gateway.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status);
            answer.into_body().collect().await.unwrap();
        }
        let failed = (Outcome::Failed, Some(503));
        assert_eq!(*ends.lock().unwrap(), [failed, failed, (Outcome::Complete, Some(200))]);
    }

    #[tokio::test]
    async fn a_limit_rule_that_panics_refuses_only_its_request() {
        let layer = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
        let calls = AtomicUsize::new(0);
        let rule = move |_: &Extensions| {
            assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 0, "the first call panics");
            Some(("all", 1))
        };
        let upstream =
            ServiceBuilder::new().layer(ConcurrencyLayer::keyed(rule)).service_fn(provider);
        let gateway = layer.upstream(upstream).layer(service_fn(app));
        for status in [503, 200, 200] {
            let answer = gateway.clone().oneshot(request()).await.unwrap();
            assert_eq!(answer.status(), status);
            answer.into_body().collect().await.unwrap();
        }
    }
}
