//! No secret and no query reaches a log, a span, an error or a `Debug`.
#![allow(clippy::unwrap_used)]

mod memory;

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use memory::{Step, Upstream};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::{
    AttemptEvent, EndEvent, GatewayContext, GatewayLayer, HeadEvent, MetricsHook, Mount, Provider,
    RequestEvent,
};

const LEAK: &str = "sk-LEAK";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn note(&self, text: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().extend_from_slice(format!("{text:?} {text:#?}\n").as_bytes());
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Writes the `Debug` of every event.
struct Debugs(Captured);

impl MetricsHook for Debugs {
    fn on_request(&self, event: &RequestEvent<'_>) {
        self.0.note(event);
    }
    fn on_attempt(&self, event: &AttemptEvent<'_>) {
        self.0.note(event);
    }
    fn on_head(&self, event: &HeadEvent<'_>) {
        self.0.note(event);
    }
    fn on_end(&self, event: &EndEvent<'_>) {
        self.0.note(event);
    }
    fn payload_limit(&self, context: &GatewayContext) -> usize {
        self.0.note(context);
        1000
    }
}

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
async fn nothing_that_is_written_anywhere_holds_a_key() {
    let logs = Captured::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("trace")
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .mount(Mount::hosted().exclusive())
        .metrics_hook(Debugs(logs.clone()))
        .build()
        .unwrap();
    logs.note(&layer);
    let echoes = Upstream {
        headers: &[("authorization", "Bearer sk-LEAK"), ("set-cookie", "sk-LEAK")],
        ..Upstream::ok(&[Step::Data("x")])
    };
    for (path, upstream) in [
        ("/v1/a/g/grok/v1/chat/completions", echoes.clone()),
        ("/v1/a/g/grok/v1/chat/completions", Upstream::fails()),
        ("/v1/a/g/grok/../x", echoes.clone()),
        ("/v1/a/g/nosuch/x", echoes.clone()),
        ("/v1/a/g/compat/chat/completions", echoes.clone()),
    ] {
        for body in [r#"{"model":"grok/grok-4","user":"sk-LEAK"}"#, r#"{"user":"sk-LEAK"}"#] {
            let watched = logs.clone();
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
            logs.note(&response);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!String::from_utf8_lossy(&body).contains(LEAK));
        }
    }
    let text = logs.text();
    assert!(
        text.contains("exchange ended") && text.contains("tower_ai_gateway"),
        "the logs were captured: {text}"
    );
    let leak = text.lines().find(|line| line.contains(LEAK));
    assert_eq!(leak, None);
}

#[tokio::test]
async fn a_host_that_logs_warnings_alone_hears_of_failures() {
    let logs = Captured::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let layer = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    for (upstream, expected) in [(Upstream::ok(&[]), false), (Upstream::fails(), true)] {
        let request = request("/v1/a/g/grok/v1/chat/completions", "{}");
        let response = layer
            .clone()
            .upstream(upstream)
            .layer(service_fn(memory::app))
            .oneshot(request)
            .await
            .unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(logs.text().contains("exchange ended"), expected);
    }
}
