//! What the end event says.

use super::*;

#[tokio::test]
async fn the_end_event_describes_the_exchange() {
    let recorder = Recorder::default();
    let reply = Reply::status(200)
        .headers(&[("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "req-1")])
        .steps(&[Step::Data("data: 1\n\n"), Step::Data("data: [DONE]\n\n")])
        .after_polls(2);
    let upstream = Upstream::always(reply);
    let mut request = post(NATIVE, r#"{"stream":true,"model":"grok-4"}"#);
    request.headers_mut().insert("cf-aig-event-id", "mine".parse().unwrap());
    request.headers_mut().insert("cf-aig-metadata", r#"{"team":"a","n":1}"#.parse().unwrap());
    let response = exchange(recorder.clone(), upstream, request).await;
    assert_eq!(response.headers()["cf-aig-event-id"], "mine");

    let end = recorder.end();
    assert_eq!((end.account.as_deref(), end.gateway.as_str()), (Some("acct"), "gw"));
    assert_eq!((end.provider.as_deref(), end.operation.as_str()), (Some("grok"), "chat"));
    assert_eq!(end.request_model.as_deref(), Some("grok-4"));
    assert!(end.stream_requested && end.stream);
    assert_eq!(end.provider_request_id.as_deref(), Some("req-1"));
    assert_eq!((end.attempts, end.request_bytes, end.response_bytes), (1, 32, 23));
    let metadata =
        [("team", "a"), ("n", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(end.metadata, metadata);
    let (head, data) = (end.timings.to_head.unwrap(), end.timings.to_first_data.unwrap());
    assert!(head <= data && data <= end.timings.total, "{:?}", end.timings);
    assert!(!end.timings.overhead.is_zero() && end.timings.overhead < end.timings.total);
    assert!(matches!(
        recorder.seen()[1],
        Seen::Attempt { number: 1, status: Some(StatusCode::OK), failure: None }
    ));
    assert!(matches!(recorder.seen()[2], Seen::Head { stream: true, .. }));
}

#[tokio::test]
async fn each_of_the_usual_names_of_a_provider_request_id_is_known() {
    for headers in [&[("x-request-id", "id")], &[("request-id", "id")], &[("x-trace-id", "id")]] {
        let recorder = Recorder::default();
        let upstream = Upstream::always(Reply::status(200).headers(headers).steps(&[]));
        exchange(recorder.clone(), upstream, post(NATIVE, "{}")).await;
        assert_eq!(recorder.end().provider_request_id.as_deref(), Some("id"), "{headers:?}");
    }
}

#[tokio::test]
async fn missing_steps_have_no_time() {
    let recorder = Recorder::default();
    exchange(recorder.clone(), Upstream::steps(&[Step::Data("")]), post(NATIVE, "{}")).await;
    assert_eq!(recorder.end().timings.to_first_data, None);
    let recorder = Recorder::default();
    exchange(recorder.clone(), Upstream::refused(), post(NATIVE, "{}")).await;
    let timings = recorder.end().timings;
    assert_eq!(timings.to_head, None);
    assert!(!timings.overhead.is_zero(), "the request was rewritten all the same");
}

#[tokio::test]
async fn time_spent_by_the_client_is_not_overhead() {
    const WAIT: Duration = Duration::from_millis(20);
    let recorder = Recorder::default();
    let body = Steps::new(&[Step::Pending, Step::Data(r#"{"model":"grok/grok-4"}"#)]);
    let request = Request::post(UNIFIED).body(body).unwrap();
    let service = layer(recorder.clone()).upstream(Upstream::steps(&[]));
    let mut call = pin!(service.layer(service_fn(memory::app)).oneshot(request));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    std::thread::sleep(WAIT);
    call.await.unwrap().into_body().collect().await.unwrap();
    let timings = recorder.end().timings;
    assert!(timings.overhead + WAIT <= timings.total, "{timings:?}");
}
