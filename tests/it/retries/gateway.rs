//! Retries below a gateway: precedence of the request, the gateway and the layer, and events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_ai_gateway::control::{ClassifiedBody, ReplayLayer, RetryLayer, RetrySettings};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{Backoff, GatewaySettings};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Outcome, Provider, ResponseBody};

use crate::retries::scene::{SECOND, busy};
use crate::support::scripted::events::{Attempt, Events};
use crate::support::scripted::{AnswerBody, Upstream, answer, fails, read};

struct Scene {
    layer: GatewayLayerBuilder,
    replay: ReplayLayer,
    retry: RetrySettings,
    events: Events,
}

impl Scene {
    fn new() -> Self {
        let events = Events::default();
        let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(events.clone());
        let retry = RetrySettings::default().jitter(false);
        Self { layer, replay: ReplayLayer::on_demand(), retry, events }
    }

    async fn send(
        self,
        upstream: &Upstream,
        headers: &[(&str, &str)],
    ) -> Result<Response<ResponseBody<ClassifiedBody<AnswerBody>>>, BoxError> {
        let service = ServiceBuilder::new()
            .layer(self.layer.build().unwrap().client_layer())
            .layer(self.replay)
            .layer(RetryLayer::new(self.retry))
            .service(upstream.clone());
        let mut request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        service.oneshot(request.body(Full::<Bytes>::from(r#"{"model":"m"}"#)).unwrap()).await
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_directives_apply() {
    for (headers, expected) in [
        (&[][..], &[0][..]),
        (&[("cf-aig-max-attempts", "1")], &[0]),
        (&[("cf-aig-max-attempts", "2")], &[0, 500]),
        (&[("cf-aig-max-attempts", "3"), ("cf-aig-retry-delay", "0")], &[0, 0, 0]),
        (&[("cf-aig-retry-delay", "100"), ("cf-aig-max-attempts", "5")], &[0, 100, 300, 700, 1500]),
        (
            &[
                ("cf-aig-retry-delay", "100"),
                ("cf-aig-max-attempts", "4"),
                ("cf-aig-backoff", "linear"),
            ],
            &[0, 100, 300, 600],
        ),
        (
            &[
                ("cf-aig-retry-delay", "100"),
                ("cf-aig-max-attempts", "4"),
                ("cf-aig-backoff", "constant"),
            ],
            &[0, 100, 200, 300],
        ),
    ] {
        let upstream = busy();
        let response = Scene::new().send(&upstream, headers).await.unwrap();
        assert_eq!(upstream.times(), expected, "{headers:?}");
        assert_eq!(response.status(), 503);
        assert!(upstream.calls().iter().all(|call| call.text() == r#"{"model":"m"}"#));
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_overrides_the_gateway_and_the_gateway_the_layer() {
    let settings = GatewaySettings::builder()
        .defaults(|defaults| {
            defaults.max_attempts = Some(3);
            defaults.backoff = Some(Backoff::Constant);
        })
        .build()
        .unwrap();
    let settings = Arc::new(settings);
    for (is_set, headers, expected) in [
        (false, &[][..], &[0, 2000][..]),
        (true, &[], &[0, 2000, 4000]),
        (true, &[("cf-aig-max-attempts", "1")], &[0]),
        (true, &[("cf-aig-max-attempts", "4"), ("cf-aig-retry-delay", "10")], &[0, 10, 20, 30]),
        (true, &[("cf-aig-backoff", "linear")], &[0, 2000, 6000]),
        (false, &[("cf-aig-max-attempts", "3")], &[0, 2000, 6000]),
    ] {
        let upstream = busy();
        let mut scene = Scene::new();
        scene.replay = ReplayLayer::new();
        scene.retry = RetrySettings::attempts(2).delay(2 * SECOND).jitter(false);
        if is_set {
            scene.layer = scene.layer.settings(settings.clone());
        }
        scene.send(&upstream, headers).await.unwrap();
        assert_eq!(upstream.times(), expected, "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateways_defaults_enable_retries_on_demand() {
    let settings = GatewaySettings::builder().defaults(|defaults| defaults.max_attempts = Some(2));
    let upstream = busy();
    let mut scene = Scene::new();
    scene.layer = scene.layer.settings(Arc::new(settings.build().unwrap()));
    scene.send(&upstream, &[]).await.unwrap();
    assert_eq!(upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn hooks_get_each_attempt_and_one_end() {
    let upstream = Upstream::new(|_, before| match before {
        0 => answer(429, &[], ""),
        1 => fails(std::io::ErrorKind::ConnectionReset),
        _ => answer(200, &[], "well"),
    });
    let scene = Scene::new();
    let events = scene.events.clone();
    let response = scene.send(&upstream, &[("cf-aig-max-attempts", "5")]).await.unwrap();
    assert_eq!(response.headers()["cf-aig-step"], "0");
    assert_eq!(read(response.into_body()).await.unwrap(), b"well");
    let attempt = |number, status, failure| Attempt {
        number,
        step: 0,
        status,
        failure,
        duration: Duration::ZERO,
    };
    assert_eq!(
        events.attempts(),
        [
            attempt(1, Some(429), None),
            attempt(2, None, Some(Failure::Reset)),
            attempt(3, Some(200), None)
        ]
    );
    let end = events.end();
    assert_eq!((end.outcome, end.status, end.failure), (Outcome::Complete, Some(200), None));
    assert_eq!((end.attempts, end.step), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_single_attempt_is_reported_once() {
    for headers in [&[][..], &[("cf-aig-max-attempts", "2")]] {
        for is_well in [true, false] {
            let upstream = Upstream::new(move |_, _| match is_well {
                true => answer(200, &[], ""),
                false => fails(std::io::ErrorKind::InvalidData),
            });
            let scene = Scene::new();
            let events = scene.events.clone();
            let result = scene.send(&upstream, headers).await;
            assert_eq!(result.is_ok(), is_well);
            drop(result);
            let expected = if is_well { "200" } else { "other" };
            assert_eq!(events.reported(), [(1, 0, expected.to_owned())]);
            assert_eq!(events.end().attempts, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_between_attempts_ends_the_exchange() {
    let upstream = busy();
    let scene = Scene::new();
    let events = scene.events.clone();
    let call = scene.send(&upstream, &[("cf-aig-max-attempts", "2")]);
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    assert_eq!((events.reported().len(), events.end().attempts), (1, 1));
    assert_eq!(events.end().outcome, Outcome::Cancelled);
    assert_eq!(upstream.count(), 1);
}
