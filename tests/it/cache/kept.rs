//! What an entry contains.

use http::{HeaderMap, HeaderValue};
use tower_ai_gateway::HttpClient;
use tower_ai_gateway::control::cache::{MemoryCache, NotStored, PurgeTarget};

use super::*;
use crate::support::gateway::Gateway;
use crate::support::message::request;
use crate::support::metered::sse;
use crate::support::raw_upstream;

/// A response of one frame, with a header and trailers.
fn answer(data: Bytes, header: HeaderValue, trailers: HeaderMap) -> Answer {
    let body = Full::new(data).map_err(|never| match never {});
    let body = body.with_trailers(async { Some(Ok(trailers)) }).boxed_unsync();
    let response = Response::builder().header("content-type", "application/json");
    response.header("x-request-id", header).body(body).unwrap()
}

/// The names of its trailers, in order.
async fn trailers(answer: Answer) -> Vec<String> {
    let body = guard("the body", answer.into_body().collect()).await.unwrap();
    let mut names: Vec<_> = body.trailers().unwrap().keys().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

/// The leader's client gets all trailers, and others only the stored ones.
#[tokio::test]
async fn trailers_of_one_exchange_are_not_shared() {
    for (data, is_whole) in [(TEXT, true), (&TEXT[..TEXT.len() - 1], false)] {
        let stage = Stage::new();
        let ask = || {
            let mut request = ask(QUESTION);
            request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
            request
        };
        let first = stage.spawn(ask());
        let asked = stage.asked().await;
        let second = stage.spawn(ask());
        stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
        let mut section = HeaderMap::new();
        for name in ["x-sum", "x-ratelimit-remaining-requests", "date", "set-cookie"] {
            section.insert(name, HeaderValue::from_static("1"));
        }
        let data = Bytes::from_static(data.as_bytes());
        let _ = asked.answer.send(Ok(answer(data, 1.into(), section)));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!((status(&first), status(&second)), ("MISS", "HIT"));
        // There the gateway passes no cookies on.
        assert_eq!(trailers(first).await, ["date", "x-ratelimit-remaining-requests", "x-sum"]);
        assert_eq!(trailers(second).await, ["x-sum"]);
        assert_eq!(stage.cache.stats().stored, u64::from(is_whole));
        if is_whole {
            let hit = stage.send(ask()).await;
            assert_eq!(status(&hit), "HIT");
            assert_eq!(trailers(hit).await, ["x-sum"]);
        }
        stage.finish().await;
    }
}

/// HTTP/1 sends no trailers that are not announced.
#[tokio::test]
async fn trailers_are_announced_each_time() {
    let provider = raw_upstream::Recorder::answering(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntrailer: date, x-sum\r\n";
        let body = "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n";
        [head, body, "x-sum: 1\r\ndate: now\r\n\r\n"].concat().into_bytes()
    });
    let layer = GatewayLayer::builder()
        .provider(Provider::xai().base_url(provider.await.base("/v1")))
        .settings(Settings::new(table(|set| set.cache(CacheSettings::new(HOUR)))));
    let client = ControlLayer::new().layer(HttpClient::builder().build().unwrap());
    let service = layer.build().unwrap().upstream(client).layer(service_fn(memory::app));
    let gateway = Gateway::serve(service).await;
    let headers = ["authorization: Bearer sk-own", "te: trailers", "connection: te"];
    let ask = request(&format!("POST {CHAT}"), &headers, QUESTION.as_bytes());
    for (expected, names) in [("MISS", &["x-sum", "date"][..]), ("HIT", &["x-sum"])] {
        let came = gateway.answer(&ask).await;
        assert_eq!(came.head.get("cf-aig-cache-status"), Some(expected));
        let trailers: Vec<_> = came.content.trailers.iter().map(|(name, _)| &**name).collect();
        assert_eq!((came.body(), &*trailers), (&b"{}"[..], names));
    }
}

/// The framing ends a cut stream as it ends a whole one.
#[tokio::test]
async fn a_cut_stream_of_workers_ai_is_not_stored() {
    const RUN: &str = "/v1/acct/main/workers-ai/run/@cf/meta/llama";
    for (end, expected) in [("", "MISS"), ("data: [DONE]\n\n", "HIT")] {
        let provider = raw_upstream::Recorder::answering(move |_| {
            sse(&["data: {\"response\":\"h\"}\n\n", end].concat(), 30)
        });
        let base = provider.await.base("/ai");
        let layer = GatewayLayer::builder()
            .provider(Provider::workers_ai("acct").base_url(base))
            .settings(Settings::new(table(|set| set.cache(CacheSettings::new(HOUR)))));
        let client = ControlLayer::new().layer(HttpClient::builder().build().unwrap());
        let service = layer.build().unwrap().upstream(client).layer(service_fn(memory::app));
        let gateway = Gateway::serve(service).await;
        let ask = request(&format!("POST {RUN}"), &["authorization: Bearer sk-own"], b"{}");
        for expected in ["MISS", expected] {
            let came = gateway.answer(&ask).await;
            assert_eq!(came.head.get("cf-aig-cache-status"), Some(expected), "{end:?}");
        }
    }
}

/// Frames and values are slices of one read of the connection.
#[tokio::test]
async fn an_entry_pins_no_buffer_of_a_connection() {
    let stage = Stage::new();
    let read = Bytes::from([TEXT.as_bytes(), &[b'x'; 100_000]].concat());
    let value = |range| HeaderValue::from_maybe_shared(read.slice(range)).unwrap();
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), value(2000..2010))]);
    let all = answer(read.slice(..TEXT.len()), value(1000..1010), trailers);
    let response = stage.spawn(ask(QUESTION));
    let _ = stage.asked().await.answer.send(Ok(all));
    assert_eq!(text(response.await.unwrap()).await, TEXT);
    assert_eq!(stage.cache.stats().stored, 1);
    assert!(read.try_into_mut().is_ok(), "a part of it is held");

    let hit = stage.send(ask(QUESTION)).await;
    assert_eq!(
        (status(&hit), hit.headers()["x-request-id"].to_str().unwrap()),
        ("HIT", "xxxxxxxxxx")
    );
    assert_eq!(text(hit).await, TEXT);
    stage.finish().await;
}

#[tokio::test]
async fn an_entry_that_the_store_refuses_is_not_counted_as_stored() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    for (capacity, is_purged) in [(1000, false), (1 << 20, true), (1 << 20, false)] {
        let control = ControlLayer::new().cache(MemoryCache::with_capacity(capacity));
        let stage = Stage::with(control, |set| set.cache(CacheSettings::new(HOUR)));
        let answer = stage.fill(QUESTION, &large).await;
        if is_purged {
            stage.cache.purge(PurgeTarget::all()).await.unwrap();
        }
        assert_eq!(text(answer).await, large);
        let stats = stage.cache.stats();
        let is_stored = capacity > 1000 && !is_purged;
        let not_stored = if is_stored { vec![] } else { vec![(NotStored::Store, 1)] };
        assert_eq!((stats.stored, stats.not_stored), (is_stored.into(), not_stored));
        assert_eq!(is_kept(&stage).await, is_stored);
        stage.finish().await;
    }
}

/// With HTTP/1.1, clients stop reading at the declared length.
#[tokio::test]
async fn a_response_read_to_its_declared_length_is_stored() {
    let stage = Stage::new();
    let response = stage.spawn(ask(QUESTION));
    let length = TEXT.len().to_string();
    let headers = [("content-type", "application/json"), ("content-length", &length)];
    let feed = stage.asked().await.answer(200, &headers);
    let mut answer = response.await.unwrap();
    feed.send(TEXT);
    assert_eq!(next(&mut answer).await, TEXT);
    drop(answer);
    assert!(is_kept(&stage).await);
    drop(feed);
    stage.finish().await;
}

/// Chunks override a length beside them.
#[tokio::test]
async fn a_length_beside_chunks_does_not_end_a_response() {
    let stage = Stage::new();
    let response = stage.spawn(ask(QUESTION));
    let headers =
        [("content-type", "image/png"), ("content-length", "4"), ("transfer-encoding", "chunked")];
    let feed = stage.asked().await.answer(200, &headers);
    let mut answer = response.await.unwrap();
    feed.send("1234");
    assert_eq!(next(&mut answer).await, "1234");
    drop(answer);
    assert!(!is_kept(&stage).await);
    drop(feed);
    stage.finish().await;
}

#[tokio::test]
async fn every_complete_success_is_stored() {
    for code in [200, 201, 203] {
        let stage = Stage::new();
        let response = stage.spawn(ask(QUESTION));
        let feed = stage.asked().await.answer(code, JSON);
        feed.send(TEXT);
        drop(feed);
        let answer = response.await.unwrap();
        assert_eq!((answer.status().as_u16(), text(answer).await.as_str()), (code, TEXT));
        let hit = stage.send(ask(QUESTION)).await;
        assert_eq!((hit.status().as_u16(), status(&hit)), (code, "HIT"));
        assert_eq!(text(hit).await, TEXT);
        stage.finish().await;
    }
}
