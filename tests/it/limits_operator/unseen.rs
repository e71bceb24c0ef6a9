//! Counters unknown to a process: two layers with one store, like two replicas.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::limits::{MemoryStore, UnknownCounter};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::limits::{CountBy, LimitRule, Period, Window};
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{GatewayLayer, Identity, Mount, Provider, RequestBody};

/// The claim of a request of `ada`, of the team `search`.
const WAYS: [(&str, &[&str]); 7] = [
    ("all", &[]),
    ("subject", &["ada"]),
    ("team", &["search"]),
    ("no-label", &[""]),
    ("model", &["grok/grok-4"]),
    ("provider-metadata", &["grok", "7"]),
    ("host", &["from the host"]),
];

fn settings() -> GatewaySettings {
    let rule = |name: &str| LimitRule::requests(name, 10, Window::Fixed(Period::Month));
    let settings = GatewaySettings::builder()
        .limit(rule("all"))
        .limit(rule("subject").by(CountBy::Subject))
        .limit(rule("team").by(CountBy::label("team")))
        .limit(rule("no-label").by(CountBy::label("none")))
        .limit(rule("model").by(CountBy::Model))
        .limit(rule("provider-metadata").by(CountBy::Provider).by(CountBy::metadata("n")))
        .limit(rule("host").by(CountBy::host(|_| Some("from the host".to_owned()))));
    settings.authenticated_elsewhere().build().unwrap()
}

fn request() -> Request<Full<Bytes>> {
    let body = r#"{"model":"Grok-4","messages":[]}"#;
    let identity = Identity::builder("ada").label("team", "search").build().unwrap();
    Request::post("/v1/acct/gw/grok/v1/chat/completions")
        .header("authorization", "Bearer key")
        .header("content-type", "application/json")
        .header("cf-aig-metadata", r#"{"n":7}"#)
        .extension(identity)
        .body(Full::from(body))
        .unwrap()
}

#[tokio::test]
async fn a_counter_of_another_process_can_be_named() {
    let store = Arc::new(MemoryStore::new());
    let (here, elsewhere) =
        (ControlLayer::new().limits(store.clone()), ControlLayer::new().limits(store));
    let table = Settings::new(SettingsTable::new().gateway("acct", "gw", settings()));
    let client = service_fn(async |request: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
        request.into_body().collect().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from("{}")))
    });
    let app = service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("app")))
    });
    let layer = GatewayLayer::builder()
        .mount(Mount::hosted())
        .provider(Provider::xai())
        .settings(table.clone())
        .build()
        .unwrap();
    let service = layer.upstream(elsewhere.layer(client)).layer(app);
    for _ in 0..3 {
        let response = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }

    let (limits, table) = (here.limits_handle(), table.current());
    let settings = table.get(Some("acct"), "gw").unwrap();
    assert_eq!(limits.overview(5).await.rules, [], "nothing came here");
    for (rule, whom) in WAYS {
        let counter = limits.counter(settings, rule, whom).unwrap();
        assert_eq!(counter.standing().await.unwrap().used, 3, "{rule}");
        assert_eq!(counter.raise(2).await.unwrap().used, 1, "{rule}");
        assert_eq!(counter.raise(2).await.unwrap().used, 0, "{rule}");
    }
    let seen = elsewhere.limits_handle().overview(5).await;
    assert_eq!(seen.rules.len(), WAYS.len());
    for rule in &seen.rules {
        let (_, whom) = WAYS.iter().find(|(name, _)| *name == rule.rule).unwrap();
        assert_eq!(rule.top[0].values, *whom, "{}", rule.rule);
        assert_eq!((rule.top[0].used, rule.top[0].remaining), (0, 10), "as the store has it");
    }
    let error = |rule, whom: &[&str]| limits.counter(settings, rule, whom).err();
    assert_eq!(error("other", &[]), Some(UnknownCounter::Rule));
    assert_eq!(error("subject", &[]), Some(UnknownCounter::Values(1)));
}
