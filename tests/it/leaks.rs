//! Keys and tokens of settings, requests, entries and steps never appear in logs, events, metrics,
//! errors, `Debug` or `Display`.

#[cfg(any(feature = "log", feature = "metrics"))]
mod outputs;

use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_ai_gateway::control::{
    Alternative, ConcurrencyLayer, ControlLayer, DeadlineLayer, FallbackLayer, ReplayLayer,
    RetryLayer, RetrySettings, TimeoutLayer,
};
use tower_ai_gateway::settings::{
    ConcurrencyLimit, FallbackChain, GatewaySettings, GatewaySettingsBuilder, GatewayToken, Secret,
    Settings, SettingsError, SettingsTable, Timeouts,
};
use tower_ai_gateway::{GatewayContext, GatewayLayer, GatewayLayerBuilder, Mount, Provider};

use crate::support::memory;
use crate::support::written::Written;

const LEAK: &str = "sk-LEAK";

impl Written {
    fn say(&self, shown: &dyn Display) {
        self.text(&format!("{shown} {shown:#}"));
    }

    fn error(&self, error: &dyn Error) {
        self.note(&error);
        self.say(&error);
        if let Some(source) = error.source() {
            self.error(source);
        }
    }
}

fn secret(of: &str) -> Secret {
    Secret::new(format!("{LEAK}-{of}")).unwrap()
}

fn builder() -> GatewaySettingsBuilder {
    let chain = FallbackChain::on("*").to_model("grok-3").with_key("second").to("openai", "gpt-5");
    GatewaySettings::builder()
        .token(GatewayToken::new("sk-LEAK-token"))
        .key("grok", secret("grok"))
        .key_as("grok", "second", secret("second"))
        .weighted_key("openai", "default", secret("openai"), 3)
        .key("anthropic", secret("anthropic"))
        .fallback(chain.to_provider("anthropic"))
        .concurrency_per_credential(ConcurrencyLimit::new(100))
        .deny_models(["forbidden"])
        .defaults(|of| of.max_attempts = Some(2))
        .defaults(|of| of.retry_delay = Some(std::time::Duration::ZERO))
}

/// Fails with this status until the last step, and writes what it gets.
#[derive(Clone)]
struct Shows {
    written: Written,
    status: u16,
    got: Arc<Mutex<Vec<String>>>,
}

impl<B> Service<Request<B>> for Shows
where
    B: Body<Data = Bytes> + Debug + Send + 'static,
    B::Error: Debug,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { written, status, got } = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let context = head.extensions.get::<GatewayContext>().unwrap();
            written.note(&(&head.headers, &head.extensions, &body, context, context.directives()));
            let keys = ["authorization", "x-api-key", "x-acme-key"];
            let keys = keys.iter().filter_map(|name| head.headers.get(*name));
            got.lock().unwrap().extend(keys.map(|key| key.to_str().unwrap().to_owned()));
            body.collect().await.unwrap();
            if status == 0 {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            let body = r#"{"error":{"message":"no"}}"#;
            let response = Response::builder().status(status);
            let response = response.header("authorization", "Bearer sk-LEAK-echo");
            let response = response.header("content-type", "application/json");
            Ok(response.body(Full::from(body)).unwrap())
        })
    }
}

const CHAT: &str = "/v1/a/g/grok/v1/chat/completions?key=sk-LEAK-query";
const BODY: &str = r#"{"model":"grok/grok-4","user":"sk-LEAK-user0123456789abcdef"}"#;
const ENTRIES: &str = r#"[
    {"provider":"grok","endpoint":"v1/chat/completions?key=sk-LEAK-query",
     "headers":{"authorization":"Bearer sk-LEAK-entry0123456789abcdef"},"query":{"model":"m","user":"sk-LEAK-user0123456789abcdef"}},
    {"provider":"acme","endpoint":"x","headers":{"x-acme-key":"sk-LEAK-acme0123456789abcdef"},"query":{"model":"m"}}]"#;

type Headers = &'static [(&'static str, &'static str)];

/// Successful requests, failures in each step, and all kinds of refusals.
const REQUESTS: &[(&str, Headers, &str)] = &[
    (CHAT, &[TOKEN], BODY),
    (CHAT, &[TOKEN, ("authorization", "Bearer sk-LEAK-client")], BODY),
    (CHAT, &[TOKEN, ("authorization", "Bearer sk-LEAK-token")], BODY),
    (CHAT, &[TOKEN, ("cf-aig-byok-alias", "second")], BODY),
    (CHAT, &[TOKEN, ("cf-aig-byok-alias", "none")], BODY),
    (CHAT, &[("cf-aig-authorization", "Bearer sk-LEAK-wrong")], BODY),
    (CHAT, &[("authorization", "Bearer sk-LEAK-wrong")], BODY),
    (CHAT, &[TOKEN, ("cf-aig-max-attempts", "sk-LEAK-value")], BODY),
    (
        CHAT,
        &[TOKEN, ("cookie", "sk-LEAK-cookie")],
        r#"{"model":"forbidden","user":"sk-LEAK-x0123456789abcdef"}"#,
    ),
    (CHAT, &[TOKEN], r#"{"model":"a","model":"sk-LEAK-model0123456789abcdef"}"#),
    (CHAT, &[TOKEN], "sk-LEAK-body0123456789abcdef"),
    ("/v1/a/g/acme/x", &[TOKEN, ("x-acme-key", "sk-LEAK-acme0123456789abcdef")], BODY),
    ("/v1/a/g/compat/chat/completions?key=sk-LEAK-query", &[TOKEN], BODY),
    ("/client/v4/accounts/a/ai/v1/messages", &[("x-api-key", "sk-LEAK-token")], BODY),
    ("/client/v4/accounts/a/ai/v1/responses", &[("authorization", "Bearer sk-LEAK-wrong")], BODY),
    ("/v1/a/g", &[TOKEN], ENTRIES),
    (
        "/v1/a/g",
        &[TOKEN],
        r#"[{"provider":"grok","endpoint":"x","headers":{"Bearer sk-LEAK-x0123456789abcdef":"x"}}]"#,
    ),
    (
        "/v1/a/g",
        &[TOKEN],
        r#"[{"provider":"grok","endpoint":"x","headers":{"a":"sk-LEAK-x0123456789abcdef\n"}}]"#,
    ),
    ("/v1/a/g", &[], ENTRIES),
];
const TOKEN: (&str, &str) = ("cf-aig-authorization", "Bearer sk-LEAK-token");

fn layer(written: &Written) -> GatewayLayerBuilder {
    let settings = Settings::new(SettingsTable::new().serve_unknown(builder().build().unwrap()));
    GatewayLayer::builder()
        .providers([Provider::xai(), Provider::openai(), Provider::anthropic()])
        .provider(Provider::custom("acme", "http://acme.test").key_header("x-acme-key"))
        .mount(Mount::hosted().universal())
        .mount(Mount::rest())
        .settings(settings)
        .metrics_hook(written.clone())
}

/// Sends all requests, each to a provider that answers, one that fails and one that is missing.
async fn send_all(layer: &GatewayLayer, written: &Written) {
    let got = Arc::<Mutex<Vec<String>>>::default();
    for status in [200, 503, 0] {
        let upstream = Shows { written: written.clone(), status, got: got.clone() };
        let control = ControlLayer::new().retry(RetrySettings::default());
        let upstream = control.layer(upstream);
        written.note(&layer.clone().upstream(control));
        let service = layer.clone().upstream(upstream).layer(service_fn(memory::app));
        for (path, headers, body) in REQUESTS {
            let mut request = Request::post(*path);
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let call = service.clone().oneshot(request.body(Full::from(*body)).unwrap());
            let response = call.await.unwrap();
            written.note(&response);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            written.text(&String::from_utf8_lossy(&body));
        }
    }
    let got = got.lock().unwrap().join(" ");
    for key in ["grok", "second", "openai", "anthropic", "client", "entry", "acme"] {
        assert!(got.contains(&format!("sk-LEAK-{key}")), "a provider does get {key}");
    }
    assert!(!got.contains("sk-LEAK-token") && !got.contains("sk-LEAK-wrong"), "{got}");
}

#[tokio::test(start_paused = true)]
async fn no_output_of_any_exchange_contains_a_secret() {
    let written = Written::default();
    let _logging = written.logging("trace");
    let layer = layer(&written).build().unwrap();
    written.note(&layer);
    send_all(&layer, &written).await;
    let reported =
        ["exchange ended", "EndEvent", "AttemptEvent", "invalid_gateway_token", "not_allowed"];
    written.assert_clean(&reported);
    written.assert_clean(&["unknown_key_alias", "malformed_request", "provider_unreachable"]);
}

#[test]
fn debug_of_public_types_shows_no_secret() {
    let written = Written::default();
    let all: &[&dyn Debug] = &[
        &secret("x"),
        &GatewayToken::new("sk-LEAK-token"),
        &builder(),
        &builder().build().unwrap(),
        &Arc::new(builder().build().unwrap()),
        &SettingsTable::new().gateway("a", "g", builder().build().unwrap()),
        &Settings::new(SettingsTable::new().serve_unknown(builder().build().unwrap())),
        &FallbackChain::on("*").to("openai", "m").with_key("a"),
        &layer(&written),
        &layer(&written).build().unwrap(),
        &layer(&written).build().unwrap().client_layer().layer(()),
        &layer(&written).build().unwrap().upstream(()).layer(()),
        &Provider::xai().base_url("https://user:sk-LEAK-password@api.x.ai/v1"),
        &Provider::xai().further_base_url("https://user:sk-LEAK-password@api.x.ai/v1", 1),
        &Alternative::new(Provider::openai()).key(secret("alternative")),
        &between(),
        &between().layer(()),
        &ControlLayer::new(),
        &ControlLayer::new().layer(()),
        &ReplayLayer::new().layer(()),
        &RetryLayer::new(RetrySettings::default()).layer(()),
        &TimeoutLayer::new(Timeouts::default()).layer(()),
        &DeadlineLayer::new(Timeouts::default()).layer(()),
        &ConcurrencyLayer::from_settings().layer(()),
    ];
    for shown in all {
        written.note(shown);
    }
    written.assert_clean(&["Secret(..)", "GatewayToken(..)", "GatewaySettings", "Alternative"]);
}

fn between() -> FallbackLayer {
    let other = Alternative::new(Provider::openai()).key(secret("alternative")).model("gpt-5");
    FallbackLayer::between(Provider::xai(), [other]).unwrap()
}

#[test]
fn no_error_repeats_a_secret() {
    let written = Written::default();
    for broken in ["sk-LEAK 1", "sk-LEAK\n1", "", "sk-LEAK-\u{e9}"] {
        written.error(&Secret::new(broken).unwrap_err());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sk-LEAK 2").unwrap();
    written.error(&Secret::from_file(file.path()).unwrap_err());
    let locked = || GatewaySettings::builder().token(GatewayToken::new("sk-LEAK-token"));
    for mistake in [
        GatewaySettings::builder().key("grok", secret("x")).build().unwrap_err(),
        locked().key("grok", secret("x")).key("grok", secret("y")).build().unwrap_err(),
        locked().key_as("grok", "a b", secret("x")).build().unwrap_err(),
        locked().token(GatewayToken::new("")).build().unwrap_err(),
        SettingsError::UnknownProvider { provider: "none".into() },
    ] {
        written.error(&mistake);
    }
    let password = Provider::xai().base_url("https://user:sk-LEAK-password@api.x.ai/v1");
    written.error(&GatewayLayer::builder().provider(password.clone()).build().unwrap_err());
    written.error(&FallbackLayer::between(password, []).unwrap_err());
    written.assert_clean(&["holds no key", "a gateway with stored keys needs a token"]);
}
