//! Heap allocations per request, and the sizes of the futures: ratchets that only go down.
//!
//! `cargo test --test allocations -- --nocapture` prints them. A separate program: a test that
//! reads the log enables it for the whole process, which changes the counted path.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "cache")]
#[path = "allocations/cache.rs"]
mod cache;
#[path = "allocations/clients.rs"]
mod clients;
#[cfg(feature = "control")]
#[path = "allocations/control.rs"]
mod control;
#[cfg(feature = "log-sqlite")]
#[path = "allocations/log.rs"]
mod log;

use std::future::Future;
use std::mem::size_of_val;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use allocation_counter::{AllocationInfo, measure};
use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use clients::{Answers, AtOnce, Streams};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::layer::util::Identity;
use tower::{Layer, Service};
use tower_ai_gateway::settings::{ClientControl, GatewaySettings, GatewaySettingsBuilder};
use tower_ai_gateway::{EndEvent, GatewayLayer, Provider};

/// The allocations that native requests may add to those of the bare client.
const NATIVE: u64 = 10;
/// The allocations that a hook may add: the record, the watch and the fields of the body.
const HOOKED: u64 = 3;
/// The allocations that model-routed requests may add.
const UNIFIED: u64 = 25;

/// A request with the headers of the OpenAI SDK for Python.
fn request(path: &'static str) -> Request<Full<Bytes>> {
    let body = br#"{"model":"grok/grok-4","messages":[{"role":"user","content":"hi"}]}"#;
    let mut request = Request::post(path).body(Full::from(Bytes::from_static(body))).unwrap();
    for (name, value) in [
        ("host", "127.0.0.1:8787"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "keep-alive"),
        ("authorization", "Bearer test-key"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 3.54.0"),
        ("x-stainless-lang", "python"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-package-version", "3.54.0"),
        ("x-stainless-retry-count", "0"),
        ("content-length", "69"),
    ] {
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    request
}

/// The allocations of an exchange, from the call to the end of the response body.
fn allocations<S, R>(service: &S, path: &'static str) -> u64
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
    R: Body,
    R::Error: std::fmt::Debug,
{
    allocated(service, path, path).count_total
}

/// What an exchange allocates behind one that pays for thread locals.
fn allocated<S, R>(service: &S, before: &'static str, path: &'static str) -> AllocationInfo
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
    R: Body,
    R::Error: std::fmt::Debug,
{
    let exchange = |mut service: S, request| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut future = pin!(service.call(request));
        let Poll::Ready(response) = future.as_mut().poll(&mut cx) else { panic!("not at once") };
        let mut body = pin!(response.unwrap().into_body());
        loop {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(frame)) => drop(frame.unwrap()),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("not at once"),
            }
        }
    };
    exchange(service.clone(), request(before));
    let (service, request) = (service.clone(), request(path));
    measure(|| exchange(service, request))
}

fn layer() -> GatewayLayer {
    GatewayLayer::builder().provider(Provider::xai()).build().unwrap()
}

fn hooked() -> GatewayLayer {
    let hook = |end: &EndEvent<'_>| assert!(end.status.is_some());
    GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook).build().unwrap()
}

#[test]
fn the_gateway_adds_few_allocations_and_none_to_what_is_not_its_own() {
    let native = "/v1/acct/gw/grok/v1/chat/completions";
    let unified = "/v1/acct/gw/compat/chat/completions";
    let client = AtOnce;
    let bare = allocations(&client, native);
    let around = |path| allocations(&layer().client_layer().layer(client), path) - bare;
    let beside = |path| allocations(&layer().upstream(client).layer(client), path) - bare;
    let with_hook = allocations(&hooked().client_layer().layer(client), native) - bare;

    println!("allocations added to {bare} of the bare client:");
    println!("  not ours        around {:2}, beside {:2}", around("/health"), beside("/health"));
    println!(
        "  native          around {:2}, beside {:2}, with a hook {with_hook:2}",
        around(native),
        beside(native)
    );
    println!("  unified         around {:2}, beside {:2}", around(unified), beside(unified));

    assert_eq!((around("/health"), beside("/health")), (0, 0));
    assert!(
        around(native) <= NATIVE && beside(native) <= NATIVE,
        "{} {}",
        around(native),
        beside(native)
    );
    assert!(with_hook <= NATIVE + HOOKED, "{with_hook}");
    assert!(around(unified) <= UNIFIED && beside(unified) <= UNIFIED, "{}", around(unified));
}

#[test]
fn an_answer_in_one_piece_is_metered_on_the_stack() {
    let path = "/v1/acct/gw/grok/v1/chat/completions";
    let hook = |end: &EndEvent<'_>| assert_eq!(end.usage.unwrap().input(), Some(1));
    let hooked = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook);
    let body = br#"{"model":"grok-4","choices":[],"usage":{"prompt_tokens":1}}"#;
    let client = Answers(Bytes::from_static(body));
    let of = |layer: GatewayLayer| allocations(&layer.client_layer().layer(client.clone()), path);
    // The model that answered, beside what every hook adds.
    assert_eq!(of(hooked.build().unwrap()) - of(layer()), HOOKED + 1);
}

/// With `Router::layer`, axum boxes and clones every layer per request, even one that does nothing,
/// and boxes the body of the gateway's answer.
#[test]
fn the_own_routes_of_an_axum_app_allocate_no_more_with_the_gateway_around_it() {
    let app = || {
        Router::new()
            .route("/", get(|| async { "home\n" }))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/users", get(|| async { "users\n" }))
            .route("/users/{id}", get(|| async { "a user\n" }))
            .route("/users/{id}/orders", post(|| async { "ordered\n" }))
    };
    let own = "/users/7/orders";
    let bare = allocations(&app(), own);
    let around = allocations(&layer().upstream(AtOnce).layer(app()), own);
    let idle = allocations(&app().layer(Identity::new()), own);
    let inside = allocations(&app().layer(layer().upstream(AtOnce)), own);
    println!("allocations of an axum app: {bare}, with the gateway around it {around}");
    println!("  by Router::layer: {inside}, with a layer that does nothing {idle}");
    assert_eq!(around, bare);
    assert!(inside <= idle + 4, "{inside} {idle}");
}

#[test]
fn locks_allocate_nothing_where_no_locked_header_is_sent() {
    let native = "/v1/acct/gw/grok/v1/chat/completions";
    let of = |set: fn(GatewaySettingsBuilder) -> GatewaySettingsBuilder, header: Option<_>| {
        let settings = Arc::new(set(GatewaySettings::builder()).build().unwrap());
        let layer = GatewayLayer::builder().provider(Provider::xai()).settings(settings);
        let layer = layer.build().unwrap().upstream(AtOnce).layer(AtOnce);
        let service = tower::util::MapRequest::new(layer, move |mut request: Request<_>| {
            if let Some((name, value)) = header {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            request
        });
        allocations(&service, native)
    };
    let none_locked = |of: GatewaySettingsBuilder| of.client_controls(ClientControl::ALL);
    let all_locked = |of: GatewaySettingsBuilder| of.client_controls([]);
    assert_eq!(of(|of| of, None), of(none_locked, None));
    assert_eq!(of(all_locked, None), of(none_locked, None));
    for header in [("cf-aig-max-attempts", "2"), ("cf-aig-metadata", "{\"team\":\"a\"}")] {
        assert_eq!(of(|of| of, Some(header)), of(none_locked, Some(header)), "{header:?}");
    }
}

#[test]
fn the_events_of_a_metered_stream_allocate_nothing() {
    let path = "/v1/acct/gw/grok/v1/chat/completions";
    let hook = |end: &EndEvent<'_>| assert_eq!(end.usage.unwrap().input(), Some(1));
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook);
    let layer = layer.build().unwrap();
    let of = |events| allocations(&layer.client_layer().layer(Streams(events)), path);
    assert_eq!(of(1000), of(10));
}

#[test]
fn the_futures_are_no_larger_than_they_were() {
    let path = "/v1/acct/gw/grok/v1/chat/completions";
    let around = size_of_val(&layer().client_layer().layer(AtOnce).call(request(path)));
    let beside = size_of_val(&layer().upstream(AtOnce).layer(AtOnce).call(request(path)));
    let bare = size_of_val(&AtOnce.call(request(path)));
    println!(
        "sizes of futures in bytes: bare {bare}, around a client {around}, beside an app {beside}"
    );
    assert!(around <= 176, "{around}");
    assert!(beside <= 304, "{beside}");
}

#[cfg(feature = "log")]
#[test]
fn a_log_allocates_nothing_on_the_task_of_an_exchange() {
    use tower_ai_gateway::log::{JsonLines, LogHook};

    let path = "/v1/acct/gw/grok/v1/chat/completions";
    let log = LogHook::builder(JsonLines::new(std::io::sink())).build().unwrap();
    let logged = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(log.clone());
    let logged = logged.build().unwrap().client_layer().layer(Streams(10));
    let hooked = hooked().client_layer().layer(Streams(10));
    // Written records are reused; two of them alternate.
    for _ in 0..4 {
        allocations(&logged, path);
        assert!(log.flush(std::time::Duration::from_secs(30)).is_complete());
    }
    let mut least = u64::MAX;
    for _ in 0..4 {
        least = least.min(allocations(&logged, path));
        assert!(log.flush(std::time::Duration::from_secs(30)).is_complete());
    }
    assert_eq!(least, allocations(&hooked, path));
}
