//! Timeouts: the request's own take precedence over those of the provider, the gateway and the
//! layer.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{Settings, Timeouts};
use tower_ai_gateway::timeout::ConnectTimeout;

use crate::limits::{GROK, OPENAI, scene};
use crate::support::controlled::{Scene, every_gateway, post, with};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

type Field = fn(Timeouts, Duration) -> Timeouts;

/// A phase, its header, its setter, and its failure.
const PHASES: [(&str, Field, Failure, &str); 3] = [
    ("cf-aig-request-timeout", Timeouts::head, Failure::HeadTimeout, "Response head timeout"),
    ("cf-aig-idle-timeout", Timeouts::idle, Failure::IdleTimeout, ""),
    ("cf-aig-total-timeout", Timeouts::total, Failure::TotalTimeout, "Total timeout"),
];

fn none() -> Timeouts {
    Timeouts::default()
}

/// A slow provider, before its head or after it.
fn silent(settings: Settings, layer: Timeouts, failure: Failure) -> Scene {
    let reply = match failure {
        Failure::IdleTimeout => Reply::ok().timed(&[1_000_000]),
        _ => Reply::ok().after(ms(1_000_000)),
    };
    scene(settings, ControlLayer::new().timeouts(layer), move |_| reply.clone())
}

/// The time in milliseconds until the exchange times out. Also checks the error.
async fn gives_up(scene: &Scene, request: Request<Full<bytes::Bytes>>, phase: usize) -> u128 {
    let (_, _, failure, text) = PHASES[phase];
    let start = Instant::now();
    let response = scene.send(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let end = scene.recorder.ends().pop().unwrap();
    assert_eq!(end.failure, Some(failure));
    if failure == Failure::IdleTimeout {
        assert!(status == 200 && body.is_err());
        assert_eq!((end.outcome, end.gateway_code), (Outcome::Broken, None));
    } else {
        let body = String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap();
        assert!(status == 504 && body.contains(text) && body.contains("2504"), "{body}");
        assert_eq!((end.outcome, end.gateway_code), (Outcome::Failed, Some(2504)));
    }
    start.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn the_order_is_request_then_provider_then_gateway_then_layer() {
    for (phase, (header, set, failure, _)) in PHASES.into_iter().enumerate() {
        let layer = set(none(), ms(4000));
        let bare = silent(every_gateway(|settings| settings), layer, failure);
        let gateway = every_gateway(|settings| settings.timeouts(set(none(), ms(3000))));
        let gateway = silent(gateway, layer, failure);
        let provider = every_gateway(|settings| {
            let settings = settings.timeouts(set(none(), ms(3000)));
            settings.provider_timeouts("xai", set(none(), ms(2000)))
        });
        let provider = silent(provider, layer, failure);
        for (scene, path, own, expected) in [
            (&bare, GROK, None, 4000),
            (&gateway, GROK, None, 3000),
            (&provider, GROK, None, 2000),
            (&provider, OPENAI, None, 3000),
            (&provider, GROK, Some("5000"), 5000),
            (&bare, GROK, Some("1000"), 1000),
        ] {
            let request = match own {
                Some(own) => with(post(path), header, own),
                None => post(path),
            };
            assert_eq!(gives_up(scene, request, phase).await, expected, "{header} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_phase_is_looked_up_separately() {
    let settings = every_gateway(|settings| {
        let settings = settings.timeouts(none().head(ms(300)).idle(ms(200)));
        settings.provider_timeouts("grok", none().idle(ms(100)))
    });
    let scene = silent(settings, none().total(ms(5000)), Failure::HeadTimeout);
    assert_eq!(gives_up(&scene, post(GROK), 0).await, 300, "the provider has no head of its own");
    let request = with(post(GROK), "cf-aig-request-timeout", "9000");
    assert_eq!(gives_up(&scene, request, 2).await, 5000);
}

#[tokio::test(start_paused = true)]
async fn the_connect_timeout_is_passed_with_the_request() {
    let settings = every_gateway(|settings| {
        let settings = settings.timeouts(none().connect(ms(3000)));
        settings.provider_timeouts("grok", none().connect(ms(2000)))
    });
    let layer = ControlLayer::new().timeouts(none().connect(ms(4000)));
    let bare = scene(every_gateway(|settings| settings), layer.clone(), |_| Reply::ok());
    let set = scene(settings, layer, |_| Reply::ok());
    for (scene, path, own, expected) in [
        (&bare, GROK, None, 4000),
        (&set, OPENAI, None, 3000),
        (&set, GROK, None, 2000),
        (&set, GROK, Some("1000"), 1000),
    ] {
        let request = match own {
            Some(own) => with(post(path), "cf-aig-connect-timeout", own),
            None => post(path),
        };
        scene.ask(request).await;
        let got = scene.one().extensions.get::<ConnectTimeout>().copied();
        assert_eq!(got, Some(ConnectTimeout(ms(expected))));
    }
}
