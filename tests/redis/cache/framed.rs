//! Responses whose head declares two framings.

use std::sync::{Arc, Mutex};

use http::Response;
use http_body_util::BodyExt;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use super::gateways::{Body, QUESTION, frame};
use super::*;
use crate::gateway::Gateway;

const DONE: &str = "data: [DONE]\n\n";

/// The length is wrong, and `transfer-encoding` overrides it (RFC 9112).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_length_beside_chunked_encoding_cuts_neither_a_broadcast_nor_an_entry() {
    for length in [5, 100_000] {
        let server = Server::start(&[]);
        let (mut provider, body) = Body::new(4);
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .header("content-length", length)
            .header("transfer-encoding", "chunked");
        let response = response.body(body.boxed_unsync()).unwrap();
        let response = Arc::new(Mutex::new(Some(response)));
        let gateways = [(); 3].map(|()| {
            let response = response.clone();
            Gateway::new(
                &ControlLayer::new().cache(patient(&server)),
                |set| set.cache(CacheSettings::new(Duration::from_secs(300))),
                move || std::future::ready(response.lock().unwrap().take().expect("asked once")),
            )
        });
        let [one, other, late] = &gateways;
        provider.send_data(frame(0).into()).await.unwrap();
        let leader = one.ask(QUESTION).await;
        let follower = other.ask(QUESTION).await;
        provider.send_data(DONE.into()).await.unwrap();
        drop(provider);
        is_whole("MISS", leader).await;
        is_whole("HIT", follower).await;
        eventually("it is kept", async || server.keys().iter().any(|key| key.contains(":e:")))
            .await;
        is_whole("HIT", late.ask(QUESTION).await).await;
    }
}

async fn is_whole(expected: &str, answer: Response<crate::gateway::AnswerBody>) {
    assert_eq!(answer.headers()["cf-aig-cache-status"], expected);
    if expected == "HIT" {
        assert!(!answer.headers().contains_key("content-length"));
    }
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), frame(0) + DONE);
}
