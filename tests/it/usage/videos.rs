//! A video is billed once, by the poll that reports its cost.

use super::*;

#[tokio::test]
async fn stored_responses_and_lists_are_never_billed() {
    let mut scene = Scene::new().await;
    let body = format!(r#"{{"model":"grok-4.3","usage":{CHAT_USAGE}}}"#);
    for path in [
        "/v1/acct/gw/grok/v1/responses/resp_1",
        "/v1/acct/gw/grok/v1/batches/b1/results",
        "/v1/acct/gw/grok/v1/models",
    ] {
        let (message, end) = scene.exchange(&get(path), &json("200 OK", &body)).await;
        assert_eq!(message.body(), body.as_bytes());
        assert_eq!((end.usage, end.cost, end.metering), (None, None, Metering::Free), "{path}");
    }
    // A deferred completion is accepted, then not ready, then fetched.
    let deferred = "/v1/acct/gw/grok/v1/chat/deferred-completion/r1";
    for (request, status, answer, billed) in [
        (post(CHAT, b"{}"), "200 OK", r#"{"request_id":"r1"}"#, None),
        (get(deferred), "202 Accepted", "", None),
        (get(deferred), "200 OK", body.as_str(), Some(2_244_800)),
    ] {
        let (_, end) = scene.exchange(&request, &json(status, answer)).await;
        assert_eq!(end.cost.map(|cost| cost.ticks), billed, "{status} {answer}");
    }
}

#[tokio::test]
async fn a_video_is_billed_at_the_first_poll_that_reports_its_cost() {
    let mut scene = Scene::new().await;
    let pending = json("202 Accepted", r#"{"status":"pending","progress":1}"#);
    let done = json(
        "200 OK",
        r#"{"status":"done","model":"grok-imagine-video","usage":{"cost_in_usd_ticks":500000000}}"#,
    );
    let mut billed = Vec::new();
    for (path, answer) in [
        ("/v1/acct/gw/grok/v1/videos/v1", &pending),
        ("/v1/acct/gw/grok/v1/videos/v1", &done),
        ("/v1/acct/gw/grok/v1/videos/v1", &done),
        ("/ai/xai/videos/v1?again", &done),
        ("/v1/acct/gw/grok/v1/videos/v2", &done),
    ] {
        let (_, end) = scene.exchange(&get(path), answer).await;
        billed.push((end.cost.map(|cost| cost.ticks), end.metering.as_str()));
    }
    let once = (Some(500_000_000), "complete");
    let never = (None, "free");
    assert_eq!(billed, [never, once, never, never, once]);
}

#[tokio::test]
async fn videos_of_two_providers_may_share_an_id() {
    let recorder = Recorder::default();
    let layer = GatewayLayer::builder().providers([Provider::xai(), Provider::openai()]);
    let layer = layer.metrics_hook(recorder.clone()).build().unwrap();
    let service = layer.client_layer().layer(answering(r#"{"usage":{"cost_in_usd_ticks":5}}"#));
    for provider in ["grok", "openai", "grok"] {
        let path = format!("/v1/acct/gw/{provider}/v1/videos/v1");
        let request = Request::get(path).body(Full::<Bytes>::default()).unwrap();
        service.clone().oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    }
    let ticks = |end: End| end.cost.map(|cost| cost.ticks);
    let billed: Vec<_> = recorder.ends().into_iter().map(ticks).collect();
    assert_eq!(billed, [Some(5), Some(5), None]);
}

#[tokio::test]
async fn polls_for_a_video_are_free_despite_a_custom_cost() {
    let mut scene = Scene::with(|layer| layer.settings(all_controls())).await;
    let total = r#"cf-aig-custom-cost: {"total_cost":1}"#;
    let poll = request("GET /v1/acct/gw/grok/v1/videos/v1", &[total], b"");
    let pending = json("200 OK", r#"{"status":"pending","progress":1}"#);
    let done = json("200 OK", r#"{"status":"done","usage":{"cost_in_usd_ticks":5}}"#);
    let mut billed = Vec::new();
    for answer in [&pending, &pending, &done, &done] {
        let (_, end) = scene.exchange(&poll, answer).await;
        billed.push(end.cost.map(|cost| cost.ticks));
    }
    assert_eq!(billed, [None, None, Some(10_000_000_000), None]);
}
