//! The end event of an answer from a cache.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::hook::CacheStatus::{Bypass, Hit, Miss, Stale};
use tower_ai_gateway::settings::{ClientControl, GatewaySettings};
use tower_ai_gateway::usage::{CostSource, Metering};
use tower_ai_gateway::{Outcome, RequestBody};

use super::scene::{Reply, builder, chat, end, exchange, layer, seen};
use crate::support::memory::{self, Recorder};
use crate::support::metered::{CHAT, CHAT_USAGE, chat_event};
use crate::support::scripted::steps::{Step, Steps};

#[tokio::test]
async fn a_hit_costs_nothing_and_saves_the_cost_of_the_response() {
    for reply in [Reply::chat(), Reply::unpriced(), Reply::stream()] {
        let fresh = end(chat(), reply.clone()).await;
        assert!(fresh.usage.is_some() && fresh.cost.is_some(), "{fresh:?}");
        assert_eq!((fresh.saved, fresh.attempts), (None, 1));
        for status in [Miss, Bypass] {
            let same = end(chat(), reply.clone().by(status)).await;
            assert_eq!((same.usage, same.cost), (fresh.usage, fresh.cost));
            assert_eq!((same.saved, same.attempts), (None, 1), "{status:?}");
        }
        for status in [Hit, Stale] {
            let (response, recorder) = seen(chat(), reply.clone().by(status)).await;
            assert_eq!(response.headers()["cf-aig-cache-status"], status.as_str());
            assert_eq!(response.headers()["age"], "7");
            assert_eq!(recorder.order(), "request head end", "no call is reported");
            let end = recorder.end();
            let saved = end.saved.unwrap();
            assert_eq!((saved.usage, saved.cost), (fresh.usage, fresh.cost), "{status:?}");
            assert_eq!((end.usage, end.metering), (None, Metering::Repeated));
            let cost = end.cost.unwrap();
            assert_eq!((cost.ticks, cost.source), (0, CostSource::Cache));
            assert_eq!(
                (end.attempts, end.outcome, end.cache),
                (0, Outcome::Complete, Some(status))
            );
            // It is metered like any answer.
            assert_eq!(end.response_model, fresh.response_model);
            assert_eq!((end.terminal, end.content_events), (fresh.terminal, fresh.content_events));
            assert_eq!((end.stream, end.response_bytes), (fresh.stream, fresh.response_bytes));
        }
    }
}

#[tokio::test]
async fn the_cost_that_the_client_reports_is_the_saving() {
    let recorder = Recorder::default();
    let settings = GatewaySettings::builder().client_controls([ClientControl::CustomCost]);
    let settings = std::sync::Arc::new(settings.build().unwrap());
    let layer = builder(recorder.clone()).settings(settings).build().unwrap();
    let mut request = chat();
    let cost = r#"{"total_cost":0.5}"#.parse().unwrap();
    request.headers_mut().insert("cf-aig-custom-cost", cost);
    exchange(&layer, request, Reply::chat().by(Hit)).await;
    let end = recorder.end();
    let saved = end.saved.and_then(|saved| saved.cost).unwrap();
    assert_eq!((saved.ticks, saved.source), (5_000_000_000, CostSource::Custom));
    assert_eq!(end.cost.unwrap().ticks, 0);
}

#[tokio::test]
async fn an_unbilled_response_saves_nothing() {
    let get = |path: &str| {
        let uri = format!("/v1/acct/gw/grok/v1/{path}");
        Request::get(uri).body(Full::<Bytes>::default()).unwrap()
    };
    let stored = format!(r#"{{"id":"resp_1","model":"grok-4.3","usage":{CHAT_USAGE}}}"#);
    for (request, body) in [(get("models"), "{}".to_owned()), (get("responses/resp_1"), stored)] {
        let end = end(request, Reply::json(body).by(Hit)).await;
        assert_eq!((end.saved, end.metering), (None, Metering::Repeated), "{end:?}");
        assert_eq!(end.cost.unwrap().ticks, 0);
    }
    // An error is not an answer.
    let error = Reply::json(r#"{"error":{"code":"overloaded","message":"no"}}"#);
    let end = end(chat(), error.by(Hit)).await;
    assert_eq!(end.saved.and_then(|saved| saved.cost), None);
}

/// A hit does not count as the one billing of an answer.
#[tokio::test]
async fn a_hit_is_not_remembered_as_billed() {
    let recorder = Recorder::default();
    let layer = layer(recorder.clone());
    let job = r#"{"id":"resp_9","object":"response","status":"in_progress","background":true,"model":"grok-4.3"}"#;
    let done = format!(
        r#"{{"id":"resp_9","object":"response","status":"completed","background":true,"model":"grok-4.3","usage":{CHAT_USAGE}}}"#
    );
    let post = || {
        let uri = "/v1/acct/gw/grok/v1/responses";
        Request::post(uri).body(Full::<Bytes>::from(r#"{"background":true}"#)).unwrap()
    };
    let get = || {
        let uri = "/v1/acct/gw/grok/v1/responses/resp_9";
        Request::get(uri).body(Full::<Bytes>::default()).unwrap()
    };
    exchange(&layer, post(), Reply::json(job)).await;
    exchange(&layer, get(), Reply::json(done.clone()).by(Hit)).await;
    exchange(&layer, get(), Reply::json(done.clone())).await;
    exchange(&layer, get(), Reply::json(done)).await;
    let billed: Vec<_> = recorder.ends().iter().map(|end| end.usage.is_some()).collect();
    assert_eq!(billed, [false, false, true, false]);
}

/// A cache between the gateway and an app's client, and a client that disconnects within a stream.
#[tokio::test]
async fn beside_an_app_an_abandoned_hit_is_reported_as_far_as_it_went() {
    let recorder = Recorder::default();
    let cache = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        let hello = chat_event(r#"{"content":"hello"}"#).leak();
        let body = Steps::new(&[Step::Data(hello), Step::Data(hello)]);
        let response = Response::builder().header("content-type", "text/event-stream");
        Ok::<_, io::Error>(response.extension(Hit).body(body).unwrap())
    });
    let service = layer(recorder.clone()).upstream(cache).layer(service_fn(memory::app));
    let mut response = service.oneshot(chat()).await.unwrap();
    assert_eq!(response.headers()["cf-aig-cache-status"], "HIT");
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    let end = recorder.end();
    assert_eq!((end.outcome, end.metering), (Outcome::Cancelled, Metering::Repeated));
    assert_eq!((end.cost.unwrap().ticks, end.attempts), (0, 0));
    let saved = end.saved.unwrap();
    assert_eq!((saved.usage, saved.cost), (None, None), "the usage had not come yet");
}

/// The host's own cache, below layers that count calls.
#[cfg(feature = "control")]
#[tokio::test]
async fn a_hit_below_the_control_layers_is_no_call() {
    use std::convert::Infallible;

    use http_body_util::combinators::UnsyncBoxBody;
    use tower::BoxError;
    use tower_ai_gateway::GatewayLayer;
    use tower_ai_gateway::control::{ControlLayer, ReplayBody};
    use tower_ai_gateway::hook::CacheStatus;

    type Body = UnsyncBoxBody<Bytes, BoxError>;
    async fn reported(layer: GatewayLayer, status: Option<CacheStatus>) {
        let client =
            service_fn(move |_: Request<ReplayBody<RequestBody<Full<Bytes>>>>| async move {
                let reply = status.map_or(Reply::chat(), |status| Reply::chat().by(status));
                Ok::<Response<Body>, Infallible>(
                    reply.response().map(|body| {
                        body.map_err(|never: Infallible| match never {}).boxed_unsync()
                    }),
                )
            });
        let service = layer.upstream(ControlLayer::new().layer(client));
        let response = service.layer(service_fn(memory::app)).oneshot(chat()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    for (status, order, attempts) in [
        (None, "request attempt head end", 1),
        (Some(Miss), "request attempt head end", 1),
        (Some(Hit), "request head end", 0),
    ] {
        let recorder = Recorder::default();
        reported(layer(recorder.clone()), status).await;
        assert_eq!((&*recorder.order(), recorder.end().attempts), (order, attempts), "{status:?}");
    }
}

#[tokio::test]
async fn a_cache_status_on_another_path_is_ignored() {
    let request = Request::post(CHAT).body(Full::<Bytes>::from("{}")).unwrap();
    let (response, recorder) = seen(request, Reply::chat()).await;
    assert!(!response.headers().contains_key("cf-aig-cache-status"));
    assert_eq!((recorder.end().cache, recorder.end().saved), (None, None));
}
