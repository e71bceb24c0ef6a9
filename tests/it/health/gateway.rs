//! The gateway's answers when nothing is sent.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ai_gateway::control::health::CoolDownSettings;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::health::script::open_after;
use crate::support::memory;

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_503_with_retry_after() {
    for (status, failure, after) in
        [(500, Failure::CircuitOpen, "30"), (429, Failure::CoolingDown, "2")]
    {
        let client = service_fn(move |_: Request<_>| async move {
            let response = Response::builder().status(status).header("retry-after-ms", "1001");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::new())).unwrap())
        });
        let layer = open_after(1).cool_down(CoolDownSettings::default());
        let recorder = memory::Recorder::default();
        let gateway =
            GatewayLayer::builder().provider(Provider::xai()).metrics_hook(recorder.clone());
        let gateway = gateway.build().unwrap().upstream(layer.layer(client));
        let mut service = gateway.layer(service_fn(memory::app));
        for (path, body) in [
            ("/v1/acct/gw/grok/v1/models", ""),
            ("/v1/acct/gw/compat/chat/completions", r#"{"model":"grok/grok-4"}"#),
        ] {
            let request = || Request::post(path).body(Full::from(body)).unwrap();
            if recorder.ends().is_empty() {
                let response = service.ready().await.unwrap().call(request()).await.unwrap();
                assert_eq!(response.status(), status);
            }
            let response = service.ready().await.unwrap().call(request()).await.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["x-should-retry"], "true");
            assert_eq!(response.headers()["retry-after"], after, "rounded up");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(error["gateway"]["code"], 2503);
            assert!(error["error"]["message"].as_str().unwrap().contains("nothing was sent"));
        }
        let ends = recorder.ends();
        let ends: Vec<_> = ends[1..].iter().map(|end| (end.failure, end.gateway_code)).collect();
        assert_eq!(ends, [(Some(failure), Some(2503)); 2]);
    }
}
