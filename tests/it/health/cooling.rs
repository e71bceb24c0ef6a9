//! Keys with a `retry-after` are not used until it is over.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{CoolDownSettings, HealthLayer, UnavailableReason};

use crate::health::script::{SECOND, answer, to, unavailable};

#[tokio::test(start_paused = true)]
async fn only_the_throttled_key_cools_down() {
    let client = service_fn(|request: Request<()>| async move {
        let mut response = answer(200, vec![]);
        if let Some(status) = request.headers().get("x-status") {
            *response.status_mut() = StatusCode::from_bytes(status.as_bytes()).unwrap();
        }
        if let Some(after) = request.headers().get("retry-after") {
            response.headers_mut().insert("retry-after", after.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let with = |uri: &str, key: &str, status: &str, after: &str| {
        let mut request = to(uri);
        for (name, value) in [("x-api-key", key), ("x-status", status), ("retry-after", after)] {
            if !value.is_empty() {
                request.headers_mut().insert(
                    http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.parse().unwrap(),
                );
            }
        }
        request
    };
    for (status, after, seconds) in
        [("429", "", 1), ("429", "7", 7), ("429", "600", 30), ("503", "7", 7), ("529", "7", 7)]
    {
        let layer = HealthLayer::new().cool_down(CoolDownSettings::default());
        let service = layer.layer(client);
        let ask = |request| service.clone().oneshot(request);
        let response = ask(with("http://a/", "one", status, after)).await.unwrap();
        assert_eq!(response.status().as_str(), status, "the answer itself passes");
        let error = ask(with("http://a/x", "one", "", "")).await.unwrap_err();
        assert_eq!(unavailable(&error), (UnavailableReason::CoolingDown, seconds * SECOND));
        ask(with("http://a/", "two", "", "")).await.unwrap();
        ask(with("http://a/?key=three", "", status, after)).await.unwrap();
        ask(with("http://a/?key=four", "", "", "")).await.unwrap();
        ask(with("http://a/?alt=sse&key=three", "", "", "")).await.unwrap_err();
        ask(with("http://b/", "one", "", "")).await.unwrap();
        tokio::time::advance(seconds * SECOND - Duration::from_millis(1)).await;
        ask(with("http://a/", "one", "", "")).await.unwrap_err();
        tokio::time::advance(Duration::from_millis(1)).await;
        ask(with("http://a/", "one", "", "")).await.unwrap();
    }
    let service = HealthLayer::new().cool_down(CoolDownSettings::default()).layer(client);
    for status in ["503", "529", "500"] {
        service.clone().oneshot(with("http://a/", "one", status, "")).await.unwrap();
    }
    service.oneshot(with("http://a/", "one", "", "")).await.unwrap();
}
