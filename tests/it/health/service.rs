//! The layer as a service: what passes unchanged, and what is shared.

use std::convert::Infallible;
use std::pin::pin;

use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{CoolDownSettings, HealthLayer, Unavailable};
use tower_test::mock;

use crate::health::script::{Mock, Script, Step, answer, exchange, open_after, poll_once, to};

#[tokio::test(start_paused = true)]
async fn frames_trailers_and_size_hint_pass_unchanged() {
    let (client, mut handle): (_, Mock) = mock::pair();
    let layer = open_after(1).cool_down(CoolDownSettings::default());
    let service = layer.layer(client);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    let steps = vec![Step::Data("one"), Step::Data("two"), Step::Trailers(trailers.clone())];
    let response = exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
        let mut response = answer(200, steps);
        response.body_mut().says_end = true;
        send.send_response(response);
    });
    let mut body = response.unwrap().into_body();
    assert_eq!(body.size_hint().lower(), 3);
    for data in ["one", "two"] {
        assert!(!body.is_end_stream());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), data);
    }
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_is_not_configured_does_nothing() {
    let client = service_fn(|_: Request<()>| async {
        let mut response = answer(429, vec![]);
        response.headers_mut().insert("retry-after", "9".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let service = HealthLayer::new().layer(client);
    for _ in 0..50 {
        service.clone().oneshot(to("http://a/")).await.unwrap();
    }
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    let service = HealthLayer::new().layer(client);
    for _ in 0..50 {
        assert!(!service.clone().oneshot(to("http://a/")).await.unwrap_err().is::<Unavailable>());
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_their_state() {
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    let layer = open_after(1);
    layer.layer(client).oneshot(to("http://a/")).await.unwrap_err();
    let error = layer.clone().layer(client).oneshot(to("http://a/")).await.unwrap_err();
    assert!(error.is::<Unavailable>());
}

#[tokio::test(start_paused = true)]
async fn the_service_is_ready_when_the_client_is() {
    let (client, mut handle): (_, Mock) = mock::pair();
    handle.allow(0);
    let mut service = open_after(1).layer(client);
    let mut ready = pin!(ServiceExt::<Request<()>>::ready(&mut service));
    assert!(poll_once(ready.as_mut()).is_pending());
    handle.send_error("gone");
    assert_eq!(ready.await.unwrap_err().to_string(), "gone");
}

#[test]
fn services_are_send_and_sync() {
    fn is_service<S: Clone + Send + Sync + 'static>(_: &S) {}
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    is_service(&open_after(1).layer(client));
    fn is_error<E: std::error::Error + Send + Sync>() {}
    is_error::<Unavailable>();
}
