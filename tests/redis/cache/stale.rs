//! Stale entries in Redis when the provider fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Response;
use http_body_util::{BodyExt, Full};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use super::gateways::QUESTION;
use super::*;
use crate::gateway::Gateway;
use crate::older::Older;

const HOUR: Duration = Duration::from_secs(3_600);
const LONG: usize = 400 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stale_entry_is_read_once() {
    let server = Server::start(&[]);
    let fails = Arc::<AtomicBool>::default();
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(LONG));
    let (is_over, answer) = (fails.clone(), text.clone());
    let gateway = Gateway::new(
        &ControlLayer::new().cache(Older(patient(&server), 2 * HOUR)),
        |set| set.cache(CacheSettings::new(HOUR).stale_if_error(2 * HOUR)),
        move || {
            let status = if is_over.load(Ordering::Relaxed) { 500 } else { 200 };
            let body = Full::from(answer.clone()).map_err(|never| match never {}).boxed_unsync();
            let response = Response::builder().status(status);
            let response = response.header("content-type", "application/json");
            std::future::ready(response.body(body).unwrap())
        },
    );
    gateway.ask(QUESTION).await.into_body().collect().await.unwrap();
    eventually("it is kept", async || server.keys().iter().any(|key| key.contains(":e:"))).await;
    fails.store(true, Ordering::Relaxed);
    let sent = || server.info("stats", "total_net_output_bytes").parse::<usize>().unwrap();
    let before = sent();
    let old = gateway.ask(QUESTION).await;
    assert_eq!(old.headers()["cf-aig-cache-status"], "STALE");
    assert!(old.into_body().collect().await.unwrap().to_bytes() == text);
    let read = sent() - before;
    assert!((LONG..LONG + (100 << 10)).contains(&read), "{read}");
}

#[tokio::test]
async fn each_purge_changes_the_generation_of_an_entry() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let before = generation(&store, &place(1)).await;
    assert_eq!(store.generation(&place(1), &budget()).await.unwrap(), before);
    store.purge(&Purge::Entry { gateway: scope(1), key: CacheKey([2; 32]) }).await.unwrap();
    let now = store.generation(&place(1), &budget()).await.unwrap();
    assert_ne!(now, before);
    assert_eq!(generation(&store, &place(1)).await, now);
}
