//! An answer from a cache does not use up the caller's limits.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::hook::CacheStatus::{self, Hit, Miss, Stale};
use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{EndEvent, RequestBody};

use super::scene::{Reply, builder, chat};
use crate::support::memory;

#[tokio::test]
async fn a_hit_spends_no_requests_no_tokens_and_no_money() {
    let month = Window::Fixed(Period::Month);
    let settings = GatewaySettings::builder()
        .authenticated_elsewhere()
        .limit(LimitRule::requests("requests", 100, month))
        .limit(LimitRule::tokens("tokens", 1_000_000, month))
        .limit(LimitRule::usd("money", 100.0, month));
    let settings = SettingsTable::new().serve_unknown(settings.build().unwrap());
    let used = Arc::new(Mutex::new(Vec::new()));
    let reported = used.clone();
    let hook = move |end: &EndEvent<'_>| {
        reported.lock().unwrap().push(end.limits.iter().map(|report| report.used).collect());
    };
    let layer = builder(hook).settings(Settings::new(settings)).build().unwrap();
    let control = ControlLayer::new();
    let ask = |status: CacheStatus| {
        let client = service_fn(move |_: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
            let response = Reply::chat().by(status).response();
            async move { Ok::<_, Infallible>(response) }
        });
        let service = layer.clone().upstream(control.clone().layer(client));
        service.layer(service_fn(memory::app)).oneshot(chat())
    };
    for status in [Hit, Miss, Hit, Stale, Hit] {
        let response = ask(status).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }
    let used: Vec<Vec<u64>> = used.lock().unwrap().clone();
    let (nothing, once) = (vec![0, 0, 0], used[1].clone());
    assert!(once.iter().all(|used| *used > 0), "{once:?}");
    assert_eq!(used, [nothing, once.clone(), once.clone(), once.clone(), once]);
}
