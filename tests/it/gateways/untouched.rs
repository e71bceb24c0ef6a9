//! By default, a client cannot zero its cost, hide its record, or have its prompts logged.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::log::{LogHook, LogRecord, LogSink, SinkError};
use tower_ai_gateway::settings::{ClientControl, GatewaySettings};
use tower_ai_gateway::{GatewayLayerBuilder, RequestBody};

use crate::gateways::scene::{BODY, NATIVE, REST, UNIFIED, UNIVERSAL, entry, layer, request};
use crate::support::memory;

/// The provider's charge for these requests.
const ANSWER: &str = r#"{"model":"grok-4","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost_in_usd_ticks":77}}"#;

const HOSTILE: [(&str, &str); 3] = [
    ("cf-aig-custom-cost", r#"{"total_cost":0}"#),
    ("cf-aig-collect-log", "false"),
    ("cf-aig-collect-log-payload", "true"),
];

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<LogRecord>>>);

impl LogSink for Kept {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }
}

/// The records of a request in each possible way, with all hostile headers.
async fn records(set: impl Fn(GatewayLayerBuilder) -> GatewayLayerBuilder) -> Vec<LogRecord> {
    let kept = Kept::default();
    let log = LogHook::builder(kept.clone()).build().unwrap();
    let layer = set(layer()).metrics_hook(log.clone()).build().unwrap();
    let provider = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async move {
        request.into_body().collect().await.unwrap();
        let mut response = Response::new(Full::<Bytes>::from(ANSWER));
        response.headers_mut().insert("content-type", "application/json".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let service = layer.upstream(provider).layer(service_fn(memory::app));
    let entries =
        |headers| entry("grok", "v1/chat/completions", &headers, &json!({ "model": "grok-4" }));
    let own = HOSTILE.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    for (line, headers, body) in [
        (NATIVE, &HOSTILE[..], BODY.to_owned()),
        (UNIFIED, &HOSTILE, BODY.to_owned()),
        (REST, &HOSTILE, BODY.to_owned()),
        (UNIVERSAL, &HOSTILE, entries(json!({}))),
        (UNIVERSAL, &[], entries(serde_json::Value::Object(own))),
    ] {
        let response = service.clone().oneshot(request(line, headers, &body)).await.unwrap();
        assert_eq!(response.status(), 200, "{line}");
        response.into_body().collect().await.unwrap();
    }
    tokio::task::spawn_blocking(move || log.flush(Duration::from_secs(30))).await.unwrap();
    std::mem::take(&mut *kept.0.lock().unwrap())
}

#[tokio::test]
async fn by_default_clients_cannot_change_their_costs_or_logs() {
    let settings = || Arc::new(GatewaySettings::builder().build().unwrap());
    for records in [records(|layer| layer).await, records(|layer| layer.settings(settings())).await]
    {
        assert_eq!(records.len(), 5);
        for record in records {
            assert_eq!((record.cost_ticks, record.custom_cost), (Some(77), false), "{record:?}");
            assert_eq!((record.request_head, record.response_head), (None, None));
        }
    }
}

#[tokio::test]
async fn the_host_can_allow_each_control() {
    use ClientControl::{CollectLog, CollectLogPayload, CustomCost};
    let allowing = async |control| {
        let settings = GatewaySettings::builder().client_controls([control]).build().unwrap();
        let settings = Arc::new(settings);
        records(move |layer| layer.settings(settings.clone())).await
    };
    let cost = allowing(CustomCost).await;
    assert_eq!(cost.len(), 5);
    assert!(cost.iter().all(|record| record.custom_cost && record.cost_ticks == Some(0)));
    assert!(cost.iter().all(|record| record.request_head.is_none()));
    assert!(allowing(CollectLog).await.is_empty());
    let payloads = allowing(CollectLogPayload).await;
    assert_eq!(payloads.len(), 5);
    assert!(payloads.iter().all(|record| record.request_head.is_some()));
    assert!(payloads.iter().all(|record| record.cost_ticks == Some(77)));
}
