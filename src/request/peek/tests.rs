//! What becomes of a body after the peek at it.

use std::sync::Arc;

use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};

use super::*;
use crate::context::{Arrival, Endpoint};
use crate::util::budget::BodyBudget;

fn context() -> GatewayContext {
    let uri = http::Uri::from_static("/v1/a/g/grok/x");
    GatewayContext::new(Arrival::new(http::Method::POST, uri, Endpoint::None), None)
}

fn peek<B>(body: B, peek_for: PeekFor) -> Peek<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let share = BodyBudget::default().share();
    Peek::new(body, Arc::default(), peek_for, ObjectScanner::new(), 1024, share, None)
}

/// What a provider gets of a body that ended after this beginning.
async fn sent(beginning: &'static [u8]) -> Option<Bytes> {
    let mut peek = peek(Full::<Bytes>::default(), PeekFor::AnyModel);
    peek.scanner.push(beginning).unwrap();
    peek.keep(Bytes::from_static(beginning)).unwrap();
    let body = peek.into_body(None, None, &context());
    body.collect().await.ok().map(|sent| sent.to_bytes())
}

#[tokio::test]
async fn a_body_that_breaks_off_after_its_model_is_not_whole() {
    let whole = br#"{"model":"m"}"#;
    assert_eq!(sent(whole).await.as_deref(), Some(&whole[..]));
    assert_eq!(sent(br#"{"model":"m""#).await, None);
}

#[tokio::test]
async fn a_frame_that_was_kept_without_room_has_a_share_of_its_own() {
    const FRAME: Bytes = Bytes::from_static(&[b' '; 600]);
    let budget = BodyBudget::new(1000);
    let mut peek = peek(Full::<Bytes>::default(), PeekFor::Nothing);
    peek.share = budget.share();
    peek.keep(FRAME).unwrap();
    let one = budget.used();
    assert!(peek.keep(FRAME).is_err());
    peek.keep_anyway(FRAME);
    assert_eq!(budget.used(), 2 * one);
    let mut body = peek.into_body(None, None, &context());
    for left in [one, 0] {
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert_eq!(budget.used(), left);
    }
}

#[tokio::test]
async fn trailers_that_were_read_ahead_are_sent() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
    let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"{}")))];
    let frames = frames.into_iter().chain([Ok(Frame::trailers(trailers))]);
    let mut peek = peek(StreamBody::new(futures_util::stream::iter(frames)), PeekFor::Nothing);
    std::future::poll_fn(|cx| peek.poll_held(1024, cx)).await.unwrap();
    let sent = peek.into_body(None, None, &context()).collect().await.unwrap();
    assert!(sent.trailers().is_some_and(|trailers| trailers.contains_key(http::header::ETAG)));
    assert_eq!(sent.to_bytes(), "{}");
}

#[test]
fn small_frames_keep_no_read_buffer() {
    struct Slice([u8; 600], #[allow(dead_code)] Arc<()>);
    impl AsRef<[u8]> for Slice {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let buffer = Arc::new(());
    let mut peek = peek(Full::<Bytes>::default(), PeekFor::AnyModel);
    for _ in 0..40 {
        peek.keep(Bytes::from_owner(Slice([b' '; 600], buffer.clone()))).unwrap();
    }
    peek.flush();
    assert_eq!(Arc::strong_count(&buffer), 1);
    assert_eq!(peek.frames.iter().map(Bytes::len).sum::<usize>(), 40 * 600);
}
