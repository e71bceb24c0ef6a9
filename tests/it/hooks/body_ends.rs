//! A body that is over by its length, or owes its end, is reported as what it was.

use super::*;

/// A body whose end shows only in `is_end_stream` and the size hint, like hyper's.
#[derive(Debug)]
struct EndsByItsLength(Option<&'static str>);

impl Body for EndsByItsLength {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.0
                .take()
                .map(|data| Ok(http_body::Frame::data(Bytes::from_static(data.as_bytes())))),
        )
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.map_or(0, str::len) as u64)
    }
}

#[tokio::test]
async fn a_body_read_to_its_declared_length_is_complete() {
    for (method, data, frames) in [(Method::POST, Some("abc"), 1), (Method::HEAD, None, 0)] {
        let recorder = Recorder::default();
        let upstream = service_fn(move |_: Request<_>| async move {
            Ok::<_, Infallible>(Response::new(http_body_util::combinators::BoxBody::new(
                EndsByItsLength(data),
            )))
        });
        let service = layer(recorder.clone()).client_layer().layer(upstream);
        let request =
            Request::builder().method(method).uri(NATIVE).body(Full::<Bytes>::default()).unwrap();
        let mut body = service.oneshot(request).await.unwrap().into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(recorder.end().outcome, Outcome::Complete, "before the body is dropped");
        drop(body);
        recorder.end();
    }
}

/// A body whose end becomes known between two polls, like that of an HTTP/2 stream.
struct EndsBetweenPolls {
    frame: Option<&'static str>,
    ended: Arc<AtomicBool>,
}

impl Body for EndsBetweenPolls {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.frame
                .take()
                .map(|data| Ok(http_body::Frame::data(Bytes::from_static(data.as_bytes())))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn is_end_stream_is_false_until_the_end_is_reported() {
    let recorder = Recorder::default();
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    let client = service_fn(move |_: Request<_>| {
        let body = EndsBetweenPolls { frame: Some("a"), ended: end.clone() };
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = layer(recorder.clone())
        .client_layer()
        .layer(client)
        .oneshot(post(NATIVE, "{}"))
        .await
        .unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    ended.store(true, Ordering::SeqCst);
    assert!(!body.is_end_stream());
    assert!(body.frame().await.is_none());
    drop(body);
    assert_eq!(recorder.end().outcome, Outcome::Complete);
}
