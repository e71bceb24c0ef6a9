//! A request that contradicts itself late is refused once, and wakes who waits.

use super::*;

/// A response body that reads the request while it streams, and ignores how that ends.
struct Duplex<B>(B);

impl<B: Body<Data = Bytes> + Unpin> Body for Duplex<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match std::pin::Pin::new(&mut self.0).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            _ => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_late_contradiction_ends_a_started_response() {
    let recorder = Recorder::default();
    let duplex = service_fn(|request: Request<tower_ai_gateway::RequestBody<Steps>>| async {
        Ok::<_, Infallible>(Response::new(Duplex(request.into_body())))
    });
    let service = layer(recorder.clone()).client_layer().layer(duplex);
    let upload =
        [Step::Data(r#"{"model":"grok/grok-4","#), Step::Pending, Step::Data(r#""model":"x"}"#)];
    let request = Request::post(UNIFIED).body(Steps::new(&upload)).unwrap();
    let mut body = service.oneshot(request).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), r#"{"model":"grok-4","#);
    let broken = tokio::time::timeout(std::time::Duration::from_secs(10), body.frame()).await;
    assert!(broken.expect("nobody broke it off").unwrap().is_err());
    let end = recorder.end();
    assert_eq!((end.outcome, end.failure), (Outcome::Broken, Some(Failure::RequestBody)));
}

#[tokio::test]
async fn a_contradiction_before_the_head_is_rejected_once() {
    let recorder = Recorder::default();
    let upload =
        [Step::Data(r#"{"model":"grok/grok-4","#), Step::Pending, Step::Data(r#""model":"x"}"#)];
    let service =
        layer(recorder.clone()).upstream(Upstream::steps(&[])).layer(service_fn(memory::app));
    let request = Request::post(UNIFIED).body(Steps::new(&upload)).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(recorder.order(), "request attempt end");
    assert_eq!(recorder.end().outcome, Outcome::Rejected);
}

/// A request body in pieces, read by a detached task of the upstream.
fn read_elsewhere(request: Request<tower_ai_gateway::RequestBody<Upload>>) {
    tokio::spawn(request.into_body().collect());
}

type Upload = http_body_util::channel::Channel<Bytes, Infallible>;

/// Runs all other tasks of this thread until they wait.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_late_refusal_wakes_the_task_waiting_for_the_head() {
    let client = service_fn(|request| async {
        read_elsewhere(request);
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
    });
    let (mut sender, body) = Upload::new(1);
    let request = Request::post(UNIFIED).body(body).unwrap();
    let call = tokio::spawn(layer(()).client_layer().layer(client).oneshot(request));
    sender.send_data(r#"{"model":"grok/grok-4","#.into()).await.unwrap();
    settle().await;
    sender.send_data(r#""model":"x"}"#.into()).await.unwrap();
    let response = tokio::time::timeout(std::time::Duration::from_secs(10), call)
        .await
        .expect("nobody woke it");
    assert_eq!(response.unwrap().unwrap().status(), 400);
}

#[tokio::test]
async fn a_late_refusal_wakes_the_task_reading_the_response() {
    let client = service_fn(|request| async {
        read_elsewhere(request);
        let silent = http_body_util::StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, Infallible>,
        >());
        Ok::<_, Infallible>(Response::new(silent))
    });
    let (mut sender, body) = Upload::new(1);
    sender.send_data(r#"{"model":"grok/grok-4","#.into()).await.unwrap();
    let request = Request::post(UNIFIED).body(body).unwrap();
    let mut body =
        layer(()).client_layer().layer(client).oneshot(request).await.unwrap().into_body();
    let read = tokio::spawn(async move { body.frame().await });
    settle().await;
    sender.send_data(r#""model":"x"}"#.into()).await.unwrap();
    let frame = tokio::time::timeout(std::time::Duration::from_secs(10), read)
        .await
        .expect("nobody woke it");
    assert!(frame.unwrap().unwrap().is_err());
}
