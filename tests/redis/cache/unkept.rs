//! Responses that turn out not to be stored while other processes read them.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::{Arc, Mutex};

use http::Response;
use http_body_util::BodyExt;
use http_body_util::channel::Sender;
use tower::BoxError;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};

use super::gateways::{Body, QUESTION, frame};
use super::trouble::confined;
use super::*;
use crate::gateway::{AnswerBody, Gateway};

const ERROR: &str = "data: {\"error\":{\"message\":\"no\"}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// Three gateways with `memory` each, and a provider that gives these responses in turn.
fn gateways(server: &Server, most: u64, memory: usize, answers: Vec<Body>) -> [Gateway; 3] {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    [(); 3].map(|()| {
        let hour = Duration::from_secs(3_600);
        let rule = CacheRule::keep(hour).max_response_bytes(most);
        let answers = answers.clone();
        Gateway::within(
            BodyBudget::new(memory),
            &ControlLayer::new().cache(patient(server)),
            |set| set.cache(CacheSettings::new(hour).rule(rule)),
            move || {
                let body = answers.lock().unwrap().pop_front().expect("it is asked no more");
                let response = Response::builder().header("content-type", "text/event-stream");
                ready(response.body(body.boxed_unsync()).unwrap())
            },
        )
    })
}

/// Reads `length` bytes more.
async fn more(body: &mut AnswerBody, length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        let frame = body.frame().await.unwrap().unwrap();
        text += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
    }
    text
}

/// A leader and a follower: their bodies after the first frame.
async fn shared(
    [one, other, _]: &[Gateway; 3],
    provider: &mut Sender<Bytes, BoxError>,
) -> (AnswerBody, AnswerBody) {
    provider.send_data(frame(0).into()).await.unwrap();
    let mut leader = one.ask(QUESTION).await.into_body();
    more(&mut leader, frame(0).len()).await;
    let follower = other.ask(QUESTION).await;
    assert_eq!(follower.headers()["cf-aig-cache-status"], "HIT");
    let mut follower = follower.into_body();
    more(&mut follower, frame(0).len()).await;
    (leader, follower)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn followers_elsewhere_get_every_byte_of_an_unstored_response() {
    for (most, memory, lost_by) in [
        (1_000, 1 << 20, "x".repeat(2_000)),
        (1 << 20, 1 << 20, ERROR.to_owned()),
        // Three quarters of it are for responses.
        (1 << 20, 64 << 10, "x".repeat(60_000)),
    ] {
        let server = Server::start(&[]);
        let (mut provider, answer) = Body::new(4);
        let (mut next, next_answer) = Body::new(4);
        let gateways = gateways(&server, most, memory, vec![answer, next_answer]);
        let (mut leader, mut follower) = shared(&gateways, &mut provider).await;
        provider.send_data(lost_by.clone().into()).await.unwrap();
        assert_eq!(more(&mut leader, lost_by.len()).await, lost_by);
        assert_eq!(more(&mut follower, lost_by.len()).await, lost_by);
        // New requests get the next response, also at the leader's gateway.
        next.send_data(frame(0).into()).await.unwrap();
        let late = gateways[2].ask(QUESTION).await;
        assert_eq!(late.headers()["cf-aig-cache-status"], "MISS");
        let later = gateways[0].ask(QUESTION).await;
        assert_eq!(later.headers()["cf-aig-cache-status"], "HIT");
        next.send_data(DONE.into()).await.unwrap();
        drop(next);
        let expected = frame(0) + DONE;
        for late in [late, later] {
            assert!(late.into_body().collect().await.unwrap().to_bytes() == expected);
        }
        // The members of the first call read on to its end, though the leader leaves.
        drop(leader);
        let following = tokio::spawn(follower.collect());
        let mut rest = String::new();
        for number in 1..30 {
            provider.send_data(frame(number).into()).await.expect("it is read on");
            rest += &frame(number);
        }
        drop(provider);
        assert!(following.await.unwrap().unwrap().to_bytes() == rest);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unstored_response_that_breaks_off_ends_in_an_error() {
    let server = Server::start(&[]);
    let (mut provider, answer) = Body::new(4);
    let gateways = gateways(&server, 1_000, 1 << 20, vec![answer]);
    let (leader, follower) = shared(&gateways, &mut provider).await;
    let following = tokio::spawn(follower.collect());
    provider.send_data(vec![b'x'; 2_000].into()).await.unwrap();
    provider.abort("broken off".into());
    assert!(leader.collect().await.is_err());
    assert!(following.await.unwrap().is_err());
    eventually("no lease is left", async || !server.keys().iter().any(|key| key.contains(":l:")))
        .await;
}

/// The response is too long for the cache, or has no marker at its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn trailers_of_an_unstored_response_reach_followers_elsewhere() {
    for most in [1_000, 1 << 20] {
        let server = Server::start(&[]);
        let (mut provider, answer) = Body::new(4);
        let gateways = gateways(&server, most, 1 << 20, vec![answer]);
        let (leader, follower) = shared(&gateways, &mut provider).await;
        let [leading, following] = [leader, follower].map(|body| tokio::spawn(body.collect()));
        let rest = vec![b'x'; 2_000];
        provider.send_data(rest.clone().into()).await.unwrap();
        let trailers = [("x-sum", "1"), ("date", "now")].map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        let trailers = HeaderMap::from_iter(trailers);
        provider.send_trailers(trailers.clone()).await.unwrap();
        drop(provider);
        assert_eq!(leading.await.unwrap().unwrap().trailers(), Some(&trailers));
        let followed = following.await.unwrap().unwrap();
        // Except headers of one moment.
        let kept =
            HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("1"))]);
        assert_eq!(followed.trailers(), Some(&kept), "{most}");
        assert_eq!(followed.to_bytes(), rest);
    }
}

/// All at once, or with the follower reading between frames.
#[tokio::test]
async fn the_waiting_part_of_an_unstored_response_is_bounded() {
    const MIB: usize = 1 << 20;
    let (much, none) = (BodyBudget::new(256 * MIB), BodyBudget::new(0));
    for (memory, frame, count, waits, is_whole) in [
        (&much, MIB, 25, false, true),
        (&much, MIB, 33, false, false),
        (&none, MIB, 1, false, false),
        (&none, 64 << 10, 16, true, true),
    ] {
        let server = Server::start(&[]);
        let (one, other) = (patient(&server), patient(&server));
        let (mut broadcast, following) = headed_within(&one, &other, &place(1), memory).await;
        let mut followed = following.await.unwrap().unwrap();
        broadcast.not_kept();
        let mut left = 0;
        for _ in 0..count {
            broadcast.data(&Bytes::from(vec![7; frame]));
            left += frame;
            while waits && left > 0 {
                let data = next(&mut followed).await.unwrap().unwrap().into_data().unwrap();
                left -= data.len();
            }
        }
        broadcast.end(None);
        let (data, was_whole) = read(&mut followed).await;
        assert_eq!(was_whole, is_whole, "{count} of {frame}");
        assert!(!is_whole || data.len() == left, "{} of {left}", data.len());
        eventually("nothing waits", async || memory.used() == 0).await;
        eventually("no lease is left", async || {
            !server.keys().iter().any(|key| key.contains(":l:"))
        })
        .await;
    }
}

#[tokio::test]
async fn an_unstored_response_without_followers_is_no_longer_broadcast() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let mut broadcast = lead(&store, &place(1)).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    eventually("it is streamed", async || server.keys().iter().any(|key| key.contains(":r:")))
        .await;
    broadcast.not_kept();
    broadcast.data(&Bytes::from_static(b"more"));
    eventually("nothing of it is left", async || {
        !server.keys().iter().any(|key| key.contains(":r:") || key.contains(":l:"))
    })
    .await;
    drop(broadcast);
}

/// The leader's process dies.
#[tokio::test]
async fn an_unstored_response_breaks_off_with_its_leader() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    broadcast.data(&Bytes::from_static(b"first"));
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(next(&mut followed).await.unwrap().unwrap().into_data().unwrap(), "first");
    broadcast.not_kept();
    let lease = async || server.keys().into_iter().find(|key| key.contains(":l:"));
    eventually("it has its own", async || lease().await.is_some_and(|lease| lease.contains('-')))
        .await;
    // Another request leads, and the first broadcast goes on beside it.
    let second = lead(&other, &place(1)).await;
    assert!(tokio::time::timeout(2 * super::leases::OVER, next(&mut followed)).await.is_err());
    drop(second);
    drop(broadcast);
    assert_eq!(read(&mut followed).await, (Vec::new(), false));
    assert!(server.keys().iter().all(|key| !key.contains(":l:") && !key.contains(":r:")));
}

/// Redis holds the last part of a long response.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_response_is_broadcast_to_its_end_and_partly_held() {
    const MIB: usize = 1 << 20;
    let server = Server::start(&[]);
    let (one, other) = (confined(&server), confined(&server));
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    let mut followed = following.await.unwrap().unwrap();
    // A follower that reads the head, and then nothing for a long time.
    let mut slow = follow(&other, &place(1)).await.await.unwrap().unwrap();
    for number in 0..64_u8 {
        broadcast.data(&Bytes::from(vec![number; MIB]));
        let mut left = MIB;
        while left > 0 {
            let data = next(&mut followed).await.unwrap().unwrap().into_data().unwrap();
            assert!(data.iter().all(|byte| *byte == number));
            left -= data.len();
        }
    }
    // The allocator of Redis takes more than the 32 MiB.
    let held = server.call(&["MEMORY", "USAGE", &the_recording(&server), "SAMPLES", "0"]).number();
    assert!((28 * MIB as i64..44 * MIB as i64).contains(&held), "{held}");
    assert_eq!((one.stats().failures, other.stats().failures), (0, 0));
    // A follower does not wait for batches that were dropped.
    let late = follow(&other, &place(1)).await;
    assert!(tokio::time::timeout(TOO_LONG, late).await.unwrap().unwrap().is_none());
    broadcast.end(None);
    assert_eq!(read(&mut followed).await, (Vec::new(), true));
    let (data, is_clean) = read(&mut slow).await;
    assert!(!is_clean && data.len() < 2 * MIB, "{}", data.len());
    assert!(data.iter().all(|byte| *byte == 0), "in order");
}

fn the_recording(server: &Server) -> String {
    let mut keys = server.keys();
    keys.retain(|key| key.contains(":r:") && !key.ends_with(":gone"));
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.remove(0)
}
