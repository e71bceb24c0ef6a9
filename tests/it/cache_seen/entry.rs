//! The key of an answer in the cache, in the log.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::log::LogRecord;
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{EndEvent, RequestBody};

use super::scene::{Reply, builder, chat};
use crate::support::memory;

#[tokio::test]
async fn the_sealed_key_is_logged_as_in_the_event() {
    let records = Arc::new(Mutex::new(Vec::new()));
    let told = records.clone();
    let hook = move |end: &EndEvent<'_>| {
        let entry = end.cache_entry.map(str::to_owned);
        told.lock().unwrap().push((entry, serde_json::to_value(LogRecord::new(end)).unwrap()));
    };
    let settings = GatewaySettings::builder()
        .authenticated_elsewhere()
        .cache(CacheSettings::new(Duration::from_secs(60)));
    let settings = SettingsTable::new().serve_unknown(settings.build().unwrap());
    let layer = builder(hook).settings(Settings::new(settings)).build().unwrap();
    let control = ControlLayer::new();
    for _ in 0..2 {
        let client = service_fn(|_: Request<ReplayBody<RequestBody<Full<Bytes>>>>| async {
            Ok::<_, Infallible>(Reply::chat().response())
        });
        let service = layer.clone().upstream(control.clone().layer(client));
        let mut request = chat();
        request.headers_mut().insert("authorization", "Bearer test-key".parse().unwrap());
        let response = service.layer(service_fn(memory::app)).oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let records = records.lock().unwrap().clone();
    let statuses: Vec<_> = records.iter().map(|(_, record)| &record["cache_status"]).collect();
    assert_eq!(statuses, ["MISS", "HIT"]);
    for (entry, record) in &records {
        assert_eq!(record["cache_entry"].as_str(), entry.as_deref());
        assert!(entry.is_some());
    }
}
