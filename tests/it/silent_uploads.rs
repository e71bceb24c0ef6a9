//! A client that stops sending within a streamed upload.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::{EndEvent, GatewayLayer, HttpClient, Provider};

use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};

const BODY: Duration = Duration::from_millis(2_500);
const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";

type Failures = Arc<Mutex<Vec<Option<Failure>>>>;
type Upload = Sender<Bytes, std::io::Error>;

/// A client that uploads through a gateway with the body timeout [`BODY`].
fn upload(
    base: &str,
    is_http2: bool,
    timeouts: Timeouts,
) -> (Upload, JoinHandle<Response<Bytes>>, Failures) {
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let client = match is_http2 {
        true => HttpClient::builder().http2_prior_knowledge(),
        false => HttpClient::builder(),
    };
    let failures = Failures::default();
    let reported = failures.clone();
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(base))
        .metrics_hook(move |end: &EndEvent<'_>| reported.lock().unwrap().push(end.failure))
        .build()
        .unwrap()
        .upstream(ControlLayer::new().timeouts(timeouts).layer(client.build().unwrap()));
    let app = service_fn(async |_: Request<Channel<Bytes, std::io::Error>>| {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let call = gateway.layer(app).oneshot(Request::post(CHAT).body(body).unwrap());
    let answer = tokio::spawn(async move {
        let (head, body) = call.await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    });
    (sender, answer, failures)
}

/// Reads the whole request slowly, and answers with its length.
async fn slow_upstream() -> HyperUpstream {
    HyperUpstream::start(|request: Request<Incoming>| async {
        let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
        sleep(BODY * 3 / 2).await;
        Response::new(body(length.to_string()))
    })
    .await
}

fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

#[tokio::test]
async fn a_silent_upload_is_ended_and_not_the_providers_failure() {
    let upstream = slow_upstream().await;
    let far = Duration::from_secs(600);
    for is_http2 in [false, true] {
        for timeouts in [Timeouts::default(), Timeouts::default().head(far)] {
            let timeouts = timeouts.body(BODY);
            let (mut sender, answer, failures) = upload(&upstream.base("/v1"), is_http2, timeouts);
            sender.send_data(Bytes::from_static(b"{")).await.unwrap();
            let answer = guard("the timeout", answer).await.unwrap();
            let text = text(&answer);
            assert_eq!(answer.status(), 408, "http2: {is_http2} {text}");
            assert!(text.contains("Body timeout") && text.contains("2504"), "{text}");
            assert_eq!(*failures.lock().unwrap(), [Some(Failure::RequestBody)]);
            // The unsent data is dropped.
            while sender.send_data(Bytes::from_static(b" ")).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test]
async fn a_live_upload_and_a_slow_provider_are_not_ended() {
    let upstream = slow_upstream().await;
    for is_http2 in [false, true] {
        let timeouts = Timeouts::default().body(BODY);
        let (mut sender, answer, failures) = upload(&upstream.base("/v1"), is_http2, timeouts);
        let began = Instant::now();
        let mut parts = 0;
        while began.elapsed() < BODY * 3 / 2 {
            sender.send_data(Bytes::from_static(b" ")).await.unwrap();
            parts += 1;
            sleep(BODY / 10).await;
        }
        drop(sender);
        let answer = guard("the answer", answer).await.unwrap();
        assert_eq!(answer.status(), 200, "http2: {is_http2} {}", text(&answer));
        assert_eq!(text(&answer), parts.to_string());
        assert_eq!(*failures.lock().unwrap(), [None]);
    }
}
