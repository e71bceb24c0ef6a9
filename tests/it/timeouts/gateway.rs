//! What the gateway answers and reports when a timeout has expired.

use super::*;

/// An upstream stack behind the gateway, its answer and the end event.
async fn exchange(
    timeouts: Timeouts,
    head: u64,
    gaps: &'static [u64],
) -> (u16, Result<String, BoxError>, memory::End) {
    let client =
        service_fn(move |_: Request<tower_ai_gateway::RequestBody<Full<Bytes>>>| async move {
            sleep(ms(head)).await;
            Ok::<_, BoxError>(Response::new(timed(gaps)))
        });
    let upstream = ServiceBuilder::new()
        .layer(DeadlineLayer::new(timeouts))
        .layer(TimeoutLayer::new(timeouts))
        .service(client);
    let recorder = Recorder::default();
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(recorder.clone());
    let service = layer.build().unwrap().upstream(upstream).layer(service_fn(memory::app));
    let request = Request::post("/v1/acct/gw/grok/v1/images/generations");
    let response = service.oneshot(request.body(Full::from("{}")).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let text = body.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
    (status, text, recorder.end())
}

#[tokio::test(start_paused = true)]
async fn the_504_names_the_timeout() {
    for (timeouts, text, failure) in [
        (none().head(ms(100)), "Response head timeout", Failure::HeadTimeout),
        (none().total(ms(100)), "Total timeout", Failure::TotalTimeout),
    ] {
        let (status, body, end) = exchange(timeouts, 200, &[]).await;
        let body = body.unwrap();
        assert!(status == 504 && body.contains(text) && body.contains("2504"), "{body}");
        assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(failure)));
        assert_eq!(end.gateway_code, Some(2504));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_the_head_breaks_the_response_off() {
    for (timeouts, failure, name) in [
        (none().idle(ms(100)), Failure::IdleTimeout, "idle_timeout"),
        (none().total(ms(100)), Failure::TotalTimeout, "total_timeout"),
    ] {
        let (status, body, end) = exchange(timeouts, 0, &[50, 200]).await;
        assert_eq!(status, 200);
        assert!(body.is_err());
        assert_eq!((end.outcome, end.failure), (Outcome::Broken, Some(failure)));
        assert_eq!(failure.as_str(), name);
    }
}
