//! A response that leads to a fallback releases its permits first.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use http::{HeaderMap, StatusCode};
use tower_ai_gateway::control::{CallClass, Classify, ControlLayer};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{ConcurrencyLimit, FallbackChain, Secret};

use crate::limits::{GROK, Scene, Set, admitted, scene};
use crate::support::controlled::{body, every_gateway, post};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

/// Two calls are refused by responses without an end; then there is a stream.
fn refused_twice(set: Set) -> Scene {
    let calls = AtomicUsize::new(0);
    let chain = FallbackChain::on("*").to_model("second").to_model("third");
    let settings = every_gateway(|settings| set(settings.fallback(chain)));
    scene(settings, ControlLayer::new(), move |_| match calls.fetch_add(1, Relaxed) {
        0 | 1 => Reply::status(503).timed(&[1_000_000]),
        _ => Reply::ok().timed(&[1_000_000]),
    })
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_frees_its_permit_for_the_next() {
    const ONE: fn() -> ConcurrencyLimit = || ConcurrencyLimit::new(1).wait(ms(0));
    let gateway: Set = |settings| settings.concurrency(ONE());
    let provider: Set = |settings| settings.concurrency_per_provider(ONE());
    for set in [gateway, provider] {
        let scene = refused_twice(set);
        let request = || body(post(GROK), r#"{"model":"first"}"#);
        let answer = admitted(&scene, request()).await;
        assert_eq!(scene.sent().len(), 3);
        let answer = answer.expect("the third step had no place");
        assert_eq!(answer.headers()["cf-aig-step"], "2");
        assert!(admitted(&scene, request()).await.is_none(), "its stream has the place");
        drop(answer);
        assert!(admitted(&scene, request()).await.is_some());
    }
}

/// A 404 leads to another model.
struct Elsewhere;

impl Classify for Elsewhere {
    fn response(&self, status: StatusCode, _: &HeaderMap) -> CallClass {
        if status == StatusCode::NOT_FOUND { CallClass::Fallback } else { CallClass::Answer }
    }

    fn failure(&self, _: Failure) -> CallClass {
        CallClass::Answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_rejected_by_the_hosts_rule_frees_its_permit() {
    let calls = AtomicUsize::new(0);
    let settings = every_gateway(|settings| {
        let chain = FallbackChain::on("*").to_model("second");
        settings.fallback(chain).concurrency(ConcurrencyLimit::new(1).wait(ms(0)))
    });
    let control = ControlLayer::new().classify(Elsewhere);
    let scene = scene(settings, control, move |_| match calls.fetch_add(1, Relaxed) {
        0 => Reply::status(404).timed(&[1_000_000]),
        _ => Reply::ok(),
    });
    let answer = admitted(&scene, body(post(GROK), r#"{"model":"first"}"#)).await;
    let answer = answer.expect("the second step had no place");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cf-aig-step"]),
        (200, &"1".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_frees_the_permit_of_its_key() {
    let calls = AtomicUsize::new(0);
    let settings = every_gateway(|settings| {
        let key = |text| Secret::new(text).unwrap();
        settings
            .weighted_key("grok", "default", key("sk-LEAK-1"), 1)
            .weighted_key("grok", "default", key("sk-LEAK-2"), 1)
            .concurrency_per_credential(ConcurrencyLimit::new(1).wait(ms(0)))
            .fallback(FallbackChain::on("*").to_model("second"))
    });
    let scene = scene(settings, ControlLayer::new(), move |_| {
        let status = if calls.fetch_add(1, Relaxed) < 2 { 503 } else { 200 };
        Reply::status(status).after(ms(10)).timed(&[1_000_000])
    });
    // Each uses a key, is refused, and then uses another one.
    let request = || body(post(GROK), r#"{"model":"first"}"#);
    let (one, other) = tokio::join!(admitted(&scene, request()), admitted(&scene, request()));
    assert!(one.is_some() && other.is_some());
    assert!(admitted(&scene, request()).await.is_none(), "their streams have the keys");
}
