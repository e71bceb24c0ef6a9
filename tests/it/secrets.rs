//! Secrets and queries never appear in logs, spans, errors or `Debug`.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::{GatewayContext, GatewayLayer, Mount, Provider};

use crate::support::memory;
use crate::support::scripted::{Reply, Step, Upstream};
use crate::support::written::Written;

const LEAK: &str = "sk-LEAK";

fn request(path: &str, body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("{path}?key={LEAK}"));
    for name in [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cf-aig-authorization",
        "cookie",
    ] {
        request = request.header(name, format!("Bearer {LEAK}"));
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn no_output_contains_a_key() {
    let written = Written::default();
    let _logging = written.logging("trace");

    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .mount(Mount::hosted().exclusive())
        .metrics_hook(written.clone())
        .build()
        .unwrap();
    written.note(&layer);
    let echoes = Reply::status(200)
        .headers(&[("authorization", "Bearer sk-LEAK"), ("set-cookie", "sk-LEAK")])
        .steps(&[Step::Data("x")]);
    let echoes = Upstream::always(echoes);
    for (path, upstream) in [
        ("/v1/a/g/grok/v1/chat/completions", echoes.clone()),
        ("/v1/a/g/grok/v1/chat/completions", Upstream::refused()),
        ("/v1/a/g/grok/../x", echoes.clone()),
        ("/v1/a/g/nosuch/x", echoes.clone()),
        ("/v1/a/g/compat/chat/completions", echoes.clone()),
    ] {
        for body in [r#"{"model":"grok/grok-4","user":"sk-LEAK"}"#, r#"{"user":"sk-LEAK"}"#] {
            let watched = written.clone();
            let inner = upstream.clone();
            let upstream =
                service_fn(move |request: Request<tower_ai_gateway::RequestBody<Full<Bytes>>>| {
                    assert_eq!(
                        request.headers()["authorization"],
                        "Bearer sk-LEAK",
                        "the provider does get the key"
                    );
                    watched.note(&request.headers());
                    watched.note(&request.extensions().get::<GatewayContext>());
                    inner.clone().oneshot(request)
                });
            let service = layer.clone().upstream(upstream).layer(service_fn(memory::app));
            let response = service.oneshot(request(path, body)).await.unwrap();
            written.note(&response);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!String::from_utf8_lossy(&body).contains(LEAK));
        }
    }
    written.assert_clean(&["exchange ended", "tower_ai_gateway"]);
}

#[tokio::test]
async fn a_host_that_logs_only_warnings_sees_failures() {
    let written = Written::default();
    let _logging = written.logging("warn");
    let layer = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    for (upstream, expected) in [(Upstream::steps(&[]), false), (Upstream::refused(), true)] {
        let request = request("/v1/a/g/grok/v1/chat/completions", "{}");
        let response = layer
            .clone()
            .upstream(upstream)
            .layer(service_fn(memory::app))
            .oneshot(request)
            .await
            .unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(written.all().contains("exchange ended"), expected);
    }
}
