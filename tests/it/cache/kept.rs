//! What is kept of an answer.

use http::{HeaderMap, HeaderValue};

use super::*;

/// An answer of one frame, with a header and trailers.
fn answer(data: Bytes, header: HeaderValue, trailers: HeaderMap) -> Answer {
    let body = Full::new(data).map_err(|never| match never {});
    let body = body.with_trailers(async { Some(Ok(trailers)) }).boxed_unsync();
    let response = Response::builder().header("content-type", "application/json");
    response.header("x-request-id", header).body(body).unwrap()
}

#[tokio::test]
async fn trailers_of_one_exchange_are_not_kept() {
    let stage = Stage::new();
    let ask = || {
        let mut request = ask(QUESTION);
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        request
    };
    let response = stage.spawn(ask());
    let mut trailers = HeaderMap::new();
    for name in ["x-sum", "x-ratelimit-remaining-requests", "date", "set-cookie"] {
        trailers.insert(name, HeaderValue::from_static("1"));
    }
    let data = Bytes::from_static(TEXT.as_bytes());
    let _ = stage.asked().await.answer.send(Ok(answer(data, 1.into(), trailers)));
    assert_eq!(text(response.await.unwrap()).await, TEXT);

    let hit = stage.send(ask()).await;
    assert_eq!(status(&hit), "HIT");
    let body = guard("the body", hit.into_body().collect()).await.unwrap();
    let trailers = body.trailers().unwrap();
    assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &HeaderValue::from_static("1")));
    stage.finish().await;
}

/// Frames and values are cut from what was read of the connection at once.
#[tokio::test]
async fn what_is_kept_holds_no_buffer_of_a_connection() {
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

/// Over HTTP/1.1 nobody asks for an end behind the declared length.
#[tokio::test]
async fn an_answer_is_kept_that_was_read_to_its_declared_length() {
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

/// Chunks go before a length that stands beside them.
#[tokio::test]
async fn what_is_as_long_as_a_length_beside_chunks_is_not_whole() {
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
async fn any_whole_answer_of_success_is_kept() {
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
