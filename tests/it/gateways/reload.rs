//! Providers and their keys are replaced together while requests are active.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{BreakerSettings, HealthLayer};
use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::settings::{FallbackChain, GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{ConfigError, GatewayLayer, HttpClient, Mount, Provider};

use crate::gateways::scene::{request, secret, with_body};
use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};
use crate::support::memory;

/// A provider's host that counts foreign keys.
struct Host {
    upstream: HyperUpstream,
    key: &'static str,
    asked: Arc<AtomicUsize>,
    foreign: Arc<AtomicUsize>,
}

impl Host {
    /// Answers 503 if the body names the model `unwell`, to cause a fallback.
    async fn start(key: &'static str) -> Self {
        let (asked, foreign) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = (asked.clone(), foreign.clone());
        let upstream = HyperUpstream::start(move |request: Request<hyper::body::Incoming>| {
            let (asked, foreign) = counts.clone();
            async move {
                asked.fetch_add(1, Ordering::Relaxed);
                let is_own = request.headers().get("authorization").is_some_and(|shown| {
                    shown.as_bytes().strip_prefix(b"Bearer ") == Some(key.as_bytes())
                });
                if !is_own {
                    foreign.fetch_add(1, Ordering::Relaxed);
                }
                let sent = request.into_body().collect().await.map(|sent| sent.to_bytes());
                let is_unwell = sent.is_ok_and(|sent| sent.windows(6).any(|w| w == b"unwell"));
                let status = if is_unwell { 503 } else { 200 };
                Response::builder().status(status).body(body(key)).unwrap()
            }
        });
        Self { upstream: upstream.await, key, asked, foreign }
    }

    /// Settings with `grok` and `second` at this host, with its key.
    fn table(&self) -> SettingsTable {
        let route = DynamicRoute::builder("r").start("m").node("m", Node::model("grok", "m"));
        let settings = GatewaySettings::builder()
            .authenticated_elsewhere()
            .key("grok", secret(self.key))
            .key("second", secret(self.key))
            .fallback(FallbackChain::on("unwell").to("second", "well"))
            .route(route.build().unwrap())
            .build()
            .unwrap();
        SettingsTable::new().serve_unknown(settings).providers(self.providers()).unwrap()
    }

    fn providers(&self) -> [Provider; 2] {
        let base = self.upstream.base("/v1");
        [Provider::xai().base_url(&base), Provider::custom("second", base)]
    }
}

fn layer(settings: &Settings) -> GatewayLayer {
    GatewayLayer::builder()
        .mount(Mount::hosted().exclusive().universal())
        .settings(settings.clone())
        .build()
        .unwrap()
}

type Service = tower::util::BoxCloneSyncService<Request<ClientBody>, Answer, Infallible>;
type ClientBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;
type Answer = (u16, Bytes);

fn service(settings: &Settings, control: &ControlLayer) -> Service {
    let client = control.layer(HttpClient::new().unwrap());
    let service = layer(settings).upstream(client).layer(service_fn(memory::app));
    let service = service.then(|answer: Result<Response<_>, Infallible>| async move {
        let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok::<Answer, Infallible>((head.status.as_u16(), body))
    });
    Service::new(service)
}

async fn ask(service: &Service, line: &str, body: &str) -> Answer {
    let request = request(line, &[], body).map(BodyExt::boxed);
    service.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
}

const NATIVE: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
const COMPAT: &str = "POST /v1/acct/gw/compat/chat/completions";
const UNIVERSAL: &str = "POST /v1/acct/gw";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_goes_to_the_other_host_of_a_moved_provider() {
    let hosts = [Host::start("sk-of-a").await, Host::start("sk-of-b").await];
    let settings = Settings::new(hosts[0].table());
    let service = service(&settings, &ControlLayer::new());
    let is_over = Arc::new(AtomicBool::new(false));
    let turning = {
        let tables = [hosts[0].table(), hosts[1].table()];
        let (settings, is_over) = (settings.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                for table in &tables {
                    settings.replace(table.clone());
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    let kinds = [
        (NATIVE, r#"{"model":"m"}"#),
        (NATIVE, r#"{"model":"unwell"}"#),
        (COMPAT, r#"{"model":"grok/m"}"#),
        (COMPAT, r#"{"model":"second/m"}"#),
        (COMPAT, r#"{"model":"grok/unwell"}"#),
        (COMPAT, r#"{"model":"dynamic/r"}"#),
        (
            UNIVERSAL,
            r#"[{"provider":"grok","endpoint":"x","headers":{},"query":{"model":"unwell"}},
                {"provider":"compat","endpoint":"chat/completions","headers":{},"query":{"model":"second/m"}}]"#,
        ),
    ];
    let mut requests = JoinSet::new();
    for number in 0..1050 {
        let (line, body) = kinds[number % kinds.len()];
        let service = service.clone();
        requests.spawn(async move { ask(&service, line, body).await });
    }
    let answers = guard("all answers", requests.join_all()).await;
    is_over.store(true, Ordering::Relaxed);
    turning.await.unwrap();
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    for host in &hosts {
        let asked = host.asked.load(Ordering::Relaxed);
        assert!(asked > 50, "{} of {} calls", asked, answers.len());
        assert_eq!(host.foreign.load(Ordering::Relaxed), 0, "{} saw another's key", host.key);
    }
}

#[tokio::test]
async fn a_request_with_a_late_body_uses_the_settings_at_its_arrival() {
    let (a, b) = (Host::start("sk-of-a").await, Host::start("sk-of-b").await);
    let settings = Settings::new(a.table());
    let service = service(&settings, &ControlLayer::new());
    for body in [r#"{"model":"grok/m"}"#, r#"{"model":"grok/unwell"}"#, r#"{"model":"dynamic/r"}"#]
    {
        settings.replace(a.table());
        let (mut sender, late) = Channel::<Bytes, Infallible>::new(1);
        let request = with_body(COMPAT, &[], late.boxed());
        let waiting = tokio::spawn(service.clone().oneshot(request));
        let (first, rest) = body.split_at(5);
        sender.send_data(Bytes::from_static(first.as_bytes())).await.unwrap();
        // There is room for the next part only after the first one was read.
        sender.send_data(Bytes::new()).await.unwrap();
        sender.send_data(Bytes::new()).await.unwrap();
        settings.replace(b.table());
        sender.send_data(Bytes::from_static(rest.as_bytes())).await.unwrap();
        drop(sender);
        let answer = guard("the answer", waiting).await.unwrap().unwrap();
        assert_eq!(answer, (200, Bytes::from_static(b"sk-of-a")), "{body}");
        assert_eq!(ask(&service, NATIVE, "{}").await, (200, Bytes::from_static(b"sk-of-b")));
    }
    assert_eq!((a.foreign.load(Ordering::Relaxed), b.foreign.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn a_removed_provider_is_unknown_only_to_later_requests() {
    let (asked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let host = (asked.clone(), release.clone());
    let slow = HyperUpstream::start(move |_| {
        let (asked, release) = host.clone();
        async move {
            asked.notify_one();
            release.notified().await;
            Response::new(body("done"))
        }
    });
    let slow = slow.await;
    let both = [Provider::xai(), Provider::custom("slow", slow.base(""))];
    let table = SettingsTable::new().serve_unknown(GatewaySettings::default());
    let settings = Settings::new(table.clone().providers(both).unwrap());
    let service = service(&settings, &ControlLayer::new());
    let line = "POST /v1/acct/gw/slow/v1/chat/completions";
    let waiting = tokio::spawn({
        let service = service.clone();
        async move { ask(&service, line, "{}").await }
    });
    guard("the host to be asked", asked.notified()).await;
    settings.replace(table.clone().providers([Provider::xai()]).unwrap());
    let (status, body) = ask(&service, line, "{}").await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["gateway"]["code"]), (400, &2008.into()), "{body}");
    release.notify_one();
    assert_eq!(guard("the held answer", waiting).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_moved_provider_starts_with_a_closed_circuit_and_others_keep_theirs() {
    let unwell =
        HyperUpstream::start(|_| async { Response::builder().status(502).body(body("")).unwrap() });
    let unwell = unwell.await;
    let well = HyperUpstream::start(|_| async { Response::new(body("well")) }).await;
    let breaker = BreakerSettings::new().failures_in_a_row(2);
    let control = ControlLayer::new().health(HealthLayer::new().breaker(breaker));
    let table = |base: String| {
        let others = Provider::custom("other", unwell.base("/other"));
        SettingsTable::new()
            .serve_unknown(GatewaySettings::default())
            .providers([Provider::xai().base_url(base), others])
            .unwrap()
    };
    let settings = Settings::new(table(unwell.base("/v1")));
    let service = service(&settings, &control);
    const OTHER: &str = "POST /v1/acct/gw/other/v1/chat/completions";
    for line in [NATIVE, OTHER] {
        for status in [502, 502, 503] {
            assert_eq!(ask(&service, line, "{}").await.0, status, "{line}");
        }
    }
    settings.replace(table(well.base("/v1")));
    assert_eq!(ask(&service, NATIVE, "{}").await.0, 200);
    assert_eq!(ask(&service, OTHER, "{}").await.0, 503, "its circuit is still open");
    settings.replace(table(unwell.base("/v1")));
    assert_eq!(ask(&service, NATIVE, "{}").await.0, 503, "and so is that of the old place");
}

#[tokio::test]
async fn a_layer_without_providers_needs_settings_with_some() {
    let table = SettingsTable::new().serve_unknown(GatewaySettings::default());
    let none = GatewayLayer::builder().settings(Settings::new(table.clone())).build();
    assert_eq!(none.unwrap_err(), ConfigError::NoProvider);
    assert_eq!(table.clone().providers([]).unwrap_err(), ConfigError::NoProvider);
    let twice = table.clone().providers([Provider::xai(), Provider::xai()]);
    assert!(matches!(twice, Err(ConfigError::DuplicateSlug { .. })));
    // A table without providers uses those of the layer.
    let well = HyperUpstream::start(|_| async { Response::new(body("well")) }).await;
    let settings = Settings::new(table.clone().providers([Provider::openai()]).unwrap());
    let layer = GatewayLayer::builder()
        .provider(Provider::xai().base_url(well.base("/v1")))
        .mount(Mount::hosted().exclusive())
        .settings(settings.clone())
        .build()
        .unwrap();
    let service =
        layer.upstream(HttpClient::<_>::new().unwrap()).layer(service_fn(memory::app::<_>));
    let status = async || {
        let request = request(NATIVE, &[], "{}");
        let answer: Result<Response<_>, BoxError> =
            service.clone().oneshot(request).await.map_err(Into::into);
        answer.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 400);
    settings.replace(table);
    assert_eq!(status().await, 200);
}
