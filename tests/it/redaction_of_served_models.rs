//! The warning about an answer from a forbidden model contains no secrets.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::support::every_thread;
use crate::support::written::Written;

type Body = Full<Bytes>;

const SECRET: &str = "sk-LEAK0123456789abcdef";

#[tokio::test]
async fn a_forbidden_model_is_reported_without_a_secret() {
    every_thread::may_log();
    let text = Written::default();
    let writer = text.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    // A rule that allows names that look like keys, so that both models can be one.
    let settings = GatewaySettings::builder().authenticated_elsewhere().allow_models(["sk-*f"]);
    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .settings(Arc::new(settings.build().unwrap()))
        .build()
        .unwrap();
    let provider = service_fn(async |request: Request<RequestBody<Body>>| {
        request.into_body().collect().await.ok();
        let body = format!(r#"{{"model":"{SECRET}0","usage":{{"prompt_tokens":1}}}}"#);
        let answer = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(answer.body(Body::from(body)).unwrap())
    });
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let gateway = layer.upstream(provider).layer(app);
    let request = Request::post(format!("/v1/{SECRET}/{SECRET}/grok/v1/chat/completions"))
        .header("authorization", "Bearer test-key")
        .header("content-type", "application/json")
        .body(Body::from(format!(r#"{{"model":"{SECRET}","messages":[]}}"#)))
        .unwrap();
    let answer = gateway.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();

    let text = text.all();
    let line = text.lines().find(|line| line.contains("does not allow")).unwrap();
    for field in ["account", "gateway", "model", "response_model"] {
        assert!(line.contains(&format!("\"{field}\":\"[REDACTED]\"")), "{field}: {line}");
    }
    assert!(!text.contains("LEAK"), "{text}");
}
