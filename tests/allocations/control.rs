//! The cost of idle control layers: ratchets that only go down.
//!
//! `cargo test --features control --test it limits::idle -- --nocapture` prints them.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::mem::size_of_val;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::limits::GROK;
use crate::support::controlled::{post, with};

/// Allocations that the layers add to a request without a gateway, and to one whose gateway has no
/// settings.
const ADDED: u64 = 0;
/// Allocations that a second base URL adds: the list of candidates, the call, the URI, and the
/// check for a conversation.
const CHOICE: u64 = 7;
/// The future's size in bytes, without the client's.
const FUTURE: usize = 136;
/// The response body's size in bytes, without the client's.
const BODY: usize = 104;

/// Answers at once.
#[derive(Clone, Copy)]
struct AtOnce;

impl<B> Service<Request<B>> for AtOnce {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::from(Bytes::from_static(b"{}")))))
    }
}

/// The allocations from the call to the end of the response body. Without a runtime, a timer would
/// panic.
fn allocations<S, R>(service: &S) -> u64
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
    R: Body<Error: std::fmt::Debug>,
{
    let exchange = |mut service: S, request| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut future = pin!(service.call(request));
        let Poll::Ready(response) = future.as_mut().poll(&mut cx) else { panic!("not at once") };
        let mut body = pin!(response.unwrap().into_body());
        loop {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(frame)) => drop(frame.unwrap()),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("not at once"),
            }
        }
    };
    let request = || with(post(GROK), "authorization", "Bearer own");
    // The first requests initialise thread locals and lasting state.
    for _ in 0..8 {
        exchange(service.clone(), request());
    }
    let (service, request) = (service.clone(), request());
    measure(|| exchange(service, request)).count_total
}

#[test]
fn idle_layers_allocate_nothing() {
    let control = ControlLayer::new();
    assert_eq!(allocations(&control.layer(AtOnce)), allocations(&AtOnce) + ADDED);
    let plain = || GatewayLayer::builder().provider(Provider::xai());
    let keyed = GatewaySettings::builder()
        .authenticated_elsewhere()
        .key("grok", Secret::new("stored").unwrap())
        .build();
    let set = || plain().settings(Arc::new(GatewaySettings::default()));
    let keyed = plain().settings(Arc::new(keyed.unwrap()));
    for builder in [plain(), set(), keyed] {
        let layer = builder.build().unwrap();
        let (bare, over) = (
            layer.clone().client_layer().layer(AtOnce),
            layer.client_layer().layer(control.layer(AtOnce)),
        );
        assert_eq!(allocations(&over), allocations(&bare) + ADDED);
    }
}

#[test]
fn a_choice_of_targets_costs_few_allocations() {
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let layer = GatewayLayer::builder().provider(provider).build().unwrap();
    let bare = allocations(&layer.clone().client_layer().layer(AtOnce));
    let over = layer.client_layer().layer(ControlLayer::new().layer(AtOnce));
    fastrand::seed(1);
    // The second base URL needs another URI.
    let most = (0..20).map(|_| allocations(&over) - bare).max().unwrap();
    println!("a choice: {most}");
    assert!(most <= CHOICE, "{most}");
}

#[test]
fn futures_and_bodies_stay_small() {
    let mut service = ControlLayer::new().layer(AtOnce);
    let mut call = pin!(service.call(post(GROK)));
    let bare = size_of_val(&AtOnce.call(post(GROK)));
    let future = size_of_val(&*call) - bare;
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(response) = call.as_mut().poll(&mut cx) else { panic!("not at once") };
    let body = size_of_val(response.unwrap().body()) - size_of::<Full<Bytes>>();
    println!("future: {future}, body: {body}");
    assert!(future <= FUTURE && body <= BODY, "{future} {body}");
}
