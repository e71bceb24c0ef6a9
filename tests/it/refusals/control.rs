//! The control layers pass on a refusal from below without acting on it.

mod scene;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::control::{
    ControlLayer, FetchedKey, KeyLayer, KeyQuery, KeySource, ReplayBody, RetrySettings,
};
use tower_ai_gateway::settings::{
    ConcurrencyLimit, FallbackChain, GatewaySettings, GatewaySettingsBuilder, Secret, Timeouts,
};
use tower_ai_gateway::{
    BodyBudget, GatewayLayer, GatewayLayerBuilder, Outcome, Provider, Refusal, RequestBody,
};

use self::scene::*;
use crate::support::ends::Ends;
use crate::support::scripted::{Answer, AnswerBody, Upstream, full, json};

#[tokio::test]
async fn a_refusal_is_not_retried_and_not_an_attempt() {
    for way in WAYS {
        for status in [503, 429, 500, 409, 403] {
            let upstream = answers();
            let refusal =
                Refusal::new(StatusCode::from_u16(status).unwrap(), "Refused by the guard.");
            let refusal = refusal.should_retry(true);
            let (client, asked) = guard(upstream.clone(), way, move |_, _| Some(refusal.clone()));
            let mut case = Case::new(no_settings, as_it_is, &ControlLayer::new(), client);
            assert_eq!(case.ask().await, status, "{way:?}");
            case.ended(2000 + status, 0, 0).await;
            assert_eq!(
                (asked.load(Ordering::SeqCst), upstream.count()),
                (1, 0),
                "{way:?} {status}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_after_a_failed_attempt_ends_the_retries() {
    for way in WAYS {
        let upstream = Upstream::new(|_, _| json(503, "{}"));
        let (client, asked) = guard(upstream.clone(), way, |_, before| (before == 1).then(busy));
        let mut case = Case::new(no_settings, as_it_is, &ControlLayer::new(), client);
        assert_eq!(case.ask().await, 503);
        case.ended(2503, 1, 0).await;
        assert_eq!((asked.load(Ordering::SeqCst), upstream.count()), (2, 1), "{way:?}");
    }
}

#[tokio::test]
async fn a_refusal_causes_no_fallback() {
    let chain = |settings: GatewaySettingsBuilder| {
        settings.fallback(FallbackChain::on("*").to("openai", "gpt-5").to("grok", "grok-3"))
    };
    let control = || ControlLayer::new().retry(RetrySettings::attempts(1));
    for way in WAYS {
        let upstream = answers();
        let (client, asked) = guard(upstream.clone(), way, |_, _| Some(busy()));
        let mut case = Case::new(chain, as_it_is, &control(), client);
        assert_eq!(case.ask().await, 503);
        case.ended(2503, 0, 0).await;
        assert_eq!((asked.load(Ordering::SeqCst), upstream.count()), (1, 0), "{way:?}");

        // The same holds for a later step, whose exchange is also refused.
        let upstream = Upstream::new(|call, _| match call.authority() {
            "api.x.ai" => json(500, "{}"),
            _ => json(200, "{}"),
        });
        let refuses = |request: &Sent, _| is_to(request, "api.openai.com").then(busy);
        let (client, asked) = guard(upstream.clone(), way, refuses);
        let mut case = Case::new(chain, as_it_is, &control(), client);
        assert_eq!(case.ask().await, 503);
        let attempts = upstream.count();
        case.ended(2503, attempts as u32, 1).await;
        assert_eq!(asked.load(Ordering::SeqCst), attempts + 1, "{way:?}");
        assert!(upstream.authorities().iter().all(|authority| authority == "api.x.ai"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_opens_no_circuit_and_cools_no_key_down() {
    let breaker = BreakerSettings::default().failures_in_a_row(1);
    let health = HealthLayer::new().breaker(breaker).cool_down(CoolDownSettings::default());
    for way in WAYS {
        for status in [503_u16, 429] {
            let refusal = move |_: &Sent, before| {
                let status = StatusCode::from_u16(status).unwrap();
                let refusal = Refusal::new(status, "Refused by the guard.");
                (before < 10).then(|| refusal.retry_after(Duration::from_secs(30)))
            };
            let (client, _) = guard(answers(), way, refusal);
            let control = ControlLayer::new().health(health.clone());
            let case = Case::new(no_settings, as_it_is, &control, client);
            for _ in 0..10 {
                assert_eq!(case.ask().await, status);
            }
            assert_eq!(case.ask().await, 200, "{way:?}: the provider is well");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_probe_passes_to_the_next_request() {
    for way in WAYS {
        let breaker = BreakerSettings::default().failures_in_a_row(1);
        let control = ControlLayer::new().health(HealthLayer::new().breaker(breaker));
        let upstream = Upstream::new(|_, before| match before {
            0 => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
            _ => json(200, "{}"),
        });
        let (client, _) = guard(upstream, way, |_, before| (before == 1).then(busy));
        let case = Case::new(no_settings, as_it_is, &control, client);
        let once = || async {
            let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
            let request = request.body(Full::from("{}")).unwrap();
            case.service.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(once().await, 502, "the circuit opens");
        assert_eq!(once().await, 503, "it is open");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(once().await, 503, "the probe is refused by the guard");
        assert_eq!(once().await, 200, "{way:?}: which says nothing of the provider");
    }
}

#[tokio::test]
async fn a_refusal_passes_timeouts_and_returns_permits_and_memory() {
    for way in WAYS {
        let second = Duration::from_secs(1);
        let timeouts = Timeouts::default().head(second).idle(second).total(2 * second);
        let limited = |settings: GatewaySettingsBuilder| {
            settings.timeouts(timeouts).concurrency(ConcurrencyLimit::new(1))
        };
        let budget = BodyBudget::new(1 << 20);
        let shared = budget.clone();
        let (client, asked) = guard(answers(), way, |_, before| (before < 3).then(busy));
        let mut case =
            Case::new(limited, |layer| layer.body_budget(shared), &ControlLayer::new(), client);
        for _ in 0..3 {
            assert_eq!(case.ask().await, 503, "{way:?}");
            case.ended(2503, 0, 0).await;
            assert_eq!(budget.used(), 0);
        }
        assert_eq!(case.ask().await, 200, "{way:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }
}

#[tokio::test]
async fn a_refusal_does_not_count_as_refusing_the_usage_option() {
    for way in WAYS {
        let upstream = answers();
        let refusal = |_: &Sent, before| {
            let refusal = Refusal::new(StatusCode::BAD_REQUEST, "Refused by the guard.");
            (before == 0).then_some(refusal)
        };
        let (client, asked) = guard(upstream.clone(), way, refusal);
        let build = |layer: GatewayLayerBuilder| {
            let own = Provider::custom("own", "https://own.example/v1").ask_for_usage(true);
            layer.provider(own).ask_for_usage(true)
        };
        let case = Case::new(no_settings, build, &ControlLayer::new(), client);
        let once = || async {
            let request = Request::post("/v1/acct/gw/custom-own/v1/chat/completions")
                .header("content-type", "application/json")
                .header("authorization", "Bearer sk-x")
                .body(Full::from(r#"{"model":"m","stream":true}"#));
            case.service.clone().oneshot(request.unwrap()).await.unwrap().status()
        };
        assert_eq!(once().await, 400);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{way:?}: not sent again without the option");
        assert_eq!(once().await, 200);
        let sent = upstream.calls().pop().unwrap();
        assert!(sent.text().contains("include_usage"), "{way:?}: {}", sent.text());
    }
}

/// A vault with one key that counts its look-ups.
struct Vault(Asked);

impl KeySource for Vault {
    async fn fetch(&self, _: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(FetchedKey::new(key("vault"), Duration::from_secs(60))))
    }
}

#[tokio::test]
async fn a_refusal_below_the_key_layer_is_not_the_keys_failure() {
    for way in WAYS {
        let fetched = Asked::default();
        let upstream = answers();
        let (client, _) = guard(upstream.clone(), way, |_, before| (before < 2).then(busy));
        let client = KeyLayer::new(Vault(fetched.clone())).layer(client);
        let (reported, mut ends) = Ends::by(|end| (end.outcome, end.gateway_code, end.failure));
        let settings = GatewaySettings::builder().authenticated_elsewhere().keys_from_layer();
        let gateway = GatewayLayer::builder()
            .provider(Provider::xai())
            .settings(Arc::new(settings.build().unwrap()))
            .metrics_hook(reported)
            .build()
            .unwrap();
        let gateway = gateway.client_layer().layer(ControlLayer::new().layer(client));
        let ask = || async {
            let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
            let request = request.body(Full::<Bytes>::from("{}")).unwrap();
            gateway.clone().oneshot(request).await.unwrap().status()
        };
        for _ in 0..2 {
            assert_eq!(ask().await, 503, "{way:?}");
            assert_eq!(ends.next().await, (Outcome::Rejected, Some(2503), None));
        }
        assert_eq!(ask().await, 200);
        assert_eq!(fetched.load(Ordering::SeqCst), 1);
        assert_eq!(upstream.calls()[0].header("authorization"), Some("Bearer sk-vault"));
    }
}
