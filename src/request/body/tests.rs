//! What is added to a passing body, and what is not.

use std::sync::Arc;

use super::*;
use crate::context::{Arrival, Endpoint};
use crate::request::add_usage::Splice;
use crate::util::budget::BodyBudget;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, Full, Limited, StreamBody};

fn context() -> GatewayContext {
    let uri = http::Uri::from_static("/v1/a/g/grok/x");
    GatewayContext::new(Arrival::new(http::Method::POST, uri, Endpoint::None), None)
}

fn watcher(splice: Option<Splice>, context: &GatewayContext) -> Box<Watcher> {
    Watcher::boxed(Arc::default(), splice, context)
}

#[tokio::test]
async fn a_limit_that_cuts_a_body_off_is_reported_to_its_exchange() {
    let limited = |limit| Limited::new(Full::new(Bytes::from_static(b"{\"a\":1}")), limit);
    for (limit, is_cut) in [(7, false), (6, true)] {
        let known = context();
        let passed = RequestBody::passed(limited(limit), known.clone()).collect().await;
        assert_eq!((passed.is_err(), known.is_over_limit()), (is_cut, is_cut));
        let known = context();
        let watched = RequestBody::watched(limited(limit), watcher(None, &known)).collect().await;
        assert_eq!((watched.is_err(), known.is_over_limit()), (is_cut, is_cut));
    }
}

#[test]
fn a_passed_body_keeps_its_size_hint() {
    let body = RequestBody::new(Full::new(Bytes::from_static(b"abc")));
    assert_eq!(body.size_hint().exact(), Some(3));
    assert!(!body.is_end_stream());
    assert!(RequestBody::new(Full::new(Bytes::new())).is_end_stream());
}

#[tokio::test]
async fn trailers_pass_without_forbidden_fields() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    trailers.insert("cf-aig-metadata", "{}".parse().unwrap());
    let frames =
        [Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"a"))), Ok(Frame::trailers(trailers))];
    let body = RequestBody::passed(StreamBody::new(futures_util::stream::iter(frames)), context());
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap().len(), 1);
}

/// A request whose body may get the usage option, and its watcher.
fn spliced_body(
    frames: Vec<Frame<Bytes>>,
    length: u64,
) -> RequestBody<impl Body<Data = Bytes, Error = BoxError>> {
    let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, length.into())]);
    let splice = Splice::new(&mut headers, None);
    let watcher = watcher(Some(splice), &context());
    // It panics if it is polled after its end.
    let frames = futures_util::stream::unfold(frames.into_iter(), async |mut frames| {
        frames.next().map(|frame| (Ok::<_, BoxError>(frame), frames))
    });
    RequestBody::watched(StreamBody::new(Box::pin(frames)), watcher)
}

#[tokio::test]
async fn the_size_hint_holds_until_the_end_of_the_body() {
    let asks = br#"{"stream":true}"#;
    for (json, has_length) in
        [(&asks[..], true), (b"{}", true), (b"", true), (asks, false), (b"{}", false)]
    {
        let mut headers = HeaderMap::new();
        if has_length {
            headers.insert(CONTENT_LENGTH, json.len().into());
        }
        let watcher = watcher(Some(Splice::new(&mut headers, None)), &context());
        let mut body = RequestBody::watched(Full::new(Bytes::from_static(json)), watcher);
        let mut said = vec![body.size_hint()];
        let mut sizes = vec![0];
        while !body.is_end_stream()
            && let Some(frame) = body.frame().await
        {
            sizes.push(frame.unwrap().into_data().unwrap().len() as u64);
            said.push(body.size_hint());
        }
        let mut left: u64 = sizes.iter().sum();
        for (said, size) in said.iter().zip(sizes) {
            left -= size;
            assert!(said.lower() <= left && left <= said.upper().unwrap(), "{said:?}");
            assert!(said.exact().is_some() || !has_length, "{said:?}");
        }
    }
}

#[tokio::test]
async fn a_body_is_not_polled_after_its_end() {
    let body = spliced_body(vec![Frame::data(Bytes::from_static(b"{}"))], 2);
    let sent = body.collect().await.unwrap().to_bytes();
    assert_eq!(sent.trim_ascii_end(), b"{}");
    assert!(sent.len() > 2);
}

#[tokio::test]
async fn trailers_after_padding_pass_without_forbidden_fields() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    trailers.insert("cf-aig-metadata", "{}".parse().unwrap());
    let frames = vec![Frame::data(Bytes::from_static(b"{}")), Frame::trailers(trailers)];
    let collected = spliced_body(frames, 2).collect().await.unwrap();
    let trailers = collected.trailers().unwrap();
    assert_eq!((trailers.len(), trailers.contains_key("x-sum")), (1, true));
}

#[tokio::test]
async fn a_whole_body_holds_its_share_until_it_is_sent() {
    let budget = BodyBudget::new(10);
    let mut share = budget.share();
    assert!(share.grow(3));
    let mut body = RequestBody::<Full<Bytes>>::whole(Bytes::from_static(b"abc"), Some(share));
    assert_eq!((body.size_hint().exact(), budget.used()), (Some(3), 3));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    assert!(body.is_end_stream());
    assert_eq!(budget.used(), 0);
}
