//! One client's failures do not count against the upstream, and so do not affect other clients.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::time::sleep;
use tower::{BoxError, Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_ai_gateway::control::health::{BreakerSettings, HealthLayer};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Settings, SettingsTable, Timeouts,
};
use tower_ai_gateway::timeout::{TimeoutError, TimeoutPhase};
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::support::memory;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
type Sent = ReplayBody<RequestBody<Full<Bytes>>>;
type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, Infallible>;

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

fn whole(text: &'static str) -> Response<Body> {
    Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync())
}

fn breaker() -> BreakerSettings {
    BreakerSettings::default().failures_in_a_row(5).open_for(MINUTE)
}

/// A gateway whose provider is `answer`. A broken body is read as `broken`.
fn gateway<A, F>(
    set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
    answer: A,
) -> Service
where
    A: Fn(Request<Sent>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, BoxError>> + Send + 'static,
{
    let settings = set(GatewaySettings::builder()).build().unwrap();
    let settings = Settings::new(SettingsTable::new().serve_unknown(settings));
    let layer =
        GatewayLayer::builder().provider(Provider::xai()).settings(settings).build().unwrap();
    let health = HealthLayer::new().breaker(breaker());
    let client = ControlLayer::new().health(health).layer(service_fn(answer));
    let service = layer.upstream(client).layer(service_fn(memory::app));
    let service = ServiceExt::<Request<Full<Bytes>>>::and_then(service, collected);
    BoxCloneSyncService::new(service)
}

async fn collected<B: hyper::body::Body<Data = Bytes>>(
    response: Response<B>,
) -> Result<Response<Bytes>, Infallible> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    Ok(Response::from_parts(head, body.unwrap_or(Bytes::from_static(b"broken"))))
}

async fn ask(service: &Service, headers: &[(&str, &str)]) -> (u16, Bytes) {
    let mut request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(r#"{"model":"grok-4"}"#)).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response.into_body())
}

/// Answers after 50 ms, and then pauses its body for 50 ms.
async fn slow(_: Request<Sent>) -> Result<Response<Body>, BoxError> {
    sleep(50 * MILLISECOND).await;
    let frames = futures_util::stream::unfold(0, |sent| async move {
        sleep(if sent == 0 { Duration::ZERO } else { 50 * MILLISECOND }).await;
        (sent < 2).then(|| (Ok(Frame::data(Bytes::from_static(b"x"))), sent + 1))
    });
    Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
}

#[tokio::test(start_paused = true)]
async fn a_timeout_shortened_by_a_client_opens_no_circuit() {
    let hosts = Timeouts::default().head(Duration::from_secs(1)).idle(Duration::from_secs(1));
    for hosts in [Timeouts::default(), hosts] {
        let service = gateway(|settings| settings.timeouts(hosts), slow);
        for _ in 0..20 {
            let (status, _) = ask(&service, &[("cf-aig-request-timeout", "1")]).await;
            assert_eq!(status, 504);
            let (status, body) = ask(&service, &[("cf-aig-idle-timeout", "1")]).await;
            assert_eq!((status, &*body), (200, &b"broken"[..]));
            let (status, _) = ask(&service, &[("cf-aig-total-timeout", "1")]).await;
            assert_eq!(status, 504);
        }
        let (status, body) = ask(&service, &[]).await;
        assert_eq!((status, &*body), (200, &b"xx"[..]), "the others are served");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_timeout_shortened_by_a_client_opens_no_circuit() {
    let refused = |_| async {
        let timeout = TimeoutError::new(TimeoutPhase::Connect, MILLISECOND);
        Err::<Response<Body>, BoxError>(timeout.into())
    };
    let service = gateway(|settings| settings, refused);
    for _ in 0..20 {
        let (status, _) = ask(&service, &[("cf-aig-connect-timeout", "1")]).await;
        assert_eq!(status, 504);
    }
    // The provider's fault, because no client has set such a short timeout.
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(ask(&service, &[]).await.0);
    }
    assert_eq!(statuses, [504, 504, 504, 504, 504, 503]);
}

#[tokio::test(start_paused = true)]
async fn exceeding_the_hosts_own_timeouts_is_a_failure() {
    let head = Timeouts::default().head(10 * MILLISECOND);
    let of_gateway = |settings: GatewaySettingsBuilder| settings.timeouts(head);
    let of_defaults = |settings: GatewaySettingsBuilder| {
        settings.defaults(|defaults| defaults.request_timeout = Some(10 * MILLISECOND))
    };
    for longer in [None, Some("10"), Some("20")] {
        for of_host in [true, false] {
            let service = match of_host {
                true => gateway(of_gateway, slow),
                false => gateway(of_defaults, slow),
            };
            let headers: Vec<_> =
                longer.iter().map(|time| ("cf-aig-request-timeout", *time)).collect();
            for _ in 0..5 {
                assert_eq!(ask(&service, &headers).await.0, 504);
            }
            assert_eq!(ask(&service, &headers).await.0, 503, "{longer:?} {of_host}: it is open");
        }
    }
}

/// Fails until `is_well` is set, and then answers after 5 ms.
fn recovering(is_well: Arc<AtomicBool>) -> Service {
    gateway(
        |settings| settings,
        move |request| {
            let is_well = is_well.clone();
            async move {
                if request.headers().contains_key("x-never") {
                    pending::<()>().await;
                }
                if !is_well.load(Ordering::Relaxed) {
                    return Err("not well".into());
                }
                sleep(5 * MILLISECOND).await;
                Ok(whole("well"))
            }
        },
    )
}

async fn opened() -> Service {
    let is_well = Arc::new(AtomicBool::new(false));
    let service = recovering(is_well.clone());
    for _ in 0..5 {
        assert_eq!(ask(&service, &[]).await.0, 502);
    }
    assert_eq!(ask(&service, &[]).await.0, 503);
    is_well.store(true, Ordering::Relaxed);
    sleep(MINUTE).await;
    service
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_a_verdict_passes_to_the_next_request() {
    let service = opened().await;
    for _ in 0..99 {
        assert_eq!(ask(&service, &[("cf-aig-request-timeout", "1")]).await.0, 504);
    }
    assert_eq!(ask(&service, &[]).await.0, 200, "at once");
    assert_eq!(ask(&service, &[]).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_can_hold_a_probe_only_for_a_bounded_time() {
    let service = opened().await;
    let held = tokio::spawn({
        let service = service.clone();
        async move { ask(&service, &[("x-never", "1")]).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(ask(&service, &[]).await.0, 503, "there is a probe");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(ask(&service, &[]).await.0, 200, "there is another");
    held.abort();
    assert_eq!(ask(&service, &[]).await.0, 200);
}
