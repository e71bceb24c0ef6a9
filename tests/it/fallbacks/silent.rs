//! A client that stops sending while a fallback waits for the rest of its body.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::{FallbackChain, Timeouts};
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::fallbacks::scene::{CHAT, keys};
use crate::support::memory::Recorder;
use crate::support::timed::ms;

type Upload = Channel<Bytes, io::Error>;

/// Answers before it has read the body.
fn early(status: Option<u16>) -> Result<Response<Full<Bytes>>, BoxError> {
    let Some(status) = status else {
        return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
    };
    Ok(Response::builder().status(status).body(Full::from("busy")).unwrap())
}

#[tokio::test(start_paused = true)]
async fn it_is_waited_for_up_to_the_body_timeout() {
    let limit = || Timeouts::default().body(ms(500));
    for (of_layer, of_gateway) in [(limit(), Timeouts::default()), (Timeouts::default(), limit())] {
        for (status, expected, text) in [(Some(503), 503, "busy"), (None, 408, "Body timeout")] {
            let settings =
                keys().timeouts(of_gateway).fallback(FallbackChain::on("*").to("openai", "n"));
            let recorder = Recorder::default();
            let gateway = GatewayLayer::builder()
                .providers([Provider::xai(), Provider::openai()])
                .settings(Arc::new(settings.build().unwrap()))
                .metrics_hook(recorder.clone())
                .build()
                .unwrap();
            let client =
                service_fn(move |_: Request<ReplayBody<RequestBody<Upload>>>| async move {
                    early(status)
                });
            let upstream = ControlLayer::new().timeouts(of_layer).layer(client);
            let app = service_fn(async |_: Request<Upload>| {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            });
            let (mut sender, body) = Upload::new(1);
            let upload = async {
                for part in [r#"{"model""#, r#":"m""#] {
                    sender.send_data(Bytes::from(part)).await.unwrap();
                    tokio::time::sleep(ms(400)).await;
                }
                std::future::pending::<()>().await;
            };
            let service = gateway.upstream(upstream).layer(app);
            let call = service.oneshot(Request::post(CHAT).body(body).unwrap());
            let began = Instant::now();
            let response = tokio::select! {
                response = call => response.unwrap(),
                () = upload => unreachable!(),
                () = tokio::time::sleep(ms(5000)) => panic!("{expected}: it waits for ever"),
            };
            assert_eq!(began.elapsed(), ms(900), "from the last part on");
            assert_eq!(response.status(), expected);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(String::from_utf8_lossy(&body).contains(text), "{body:?}");
            assert_eq!((recorder.end().step, recorder.end().attempts), (0, 1));
        }
    }
}
