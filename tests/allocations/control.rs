//! The cost of idle control layers. Without a runtime, a timer would panic.

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::Secret;

use super::*;

const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
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

/// The first requests initialise lasting state.
fn settled<S, R>(service: &S) -> u64
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error: std::fmt::Debug> + Clone,
    R: Body<Error: std::fmt::Debug>,
{
    for _ in 0..8 {
        allocations(service, PATH);
    }
    allocations(service, PATH)
}

#[test]
fn idle_layers_allocate_nothing() {
    let control = ControlLayer::new();
    assert_eq!(settled(&control.layer(AtOnce)), settled(&AtOnce) + ADDED);
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
        assert_eq!(settled(&over), settled(&bare) + ADDED);
    }
}

#[test]
fn a_choice_of_targets_costs_few_allocations() {
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let layer = GatewayLayer::builder().provider(provider).build().unwrap();
    let bare = settled(&layer.clone().client_layer().layer(AtOnce));
    let over = layer.client_layer().layer(ControlLayer::new().layer(AtOnce));
    fastrand::seed(1);
    // The second base URL needs another URI.
    let most = (0..20).map(|_| settled(&over) - bare).max().unwrap();
    println!("a choice: {most}");
    assert!(most <= CHOICE, "{most}");
}

#[test]
fn futures_and_bodies_stay_small() {
    let mut service = ControlLayer::new().layer(AtOnce);
    let mut call = pin!(service.call(request(PATH)));
    let bare = size_of_val(&AtOnce.call(request(PATH)));
    let future = size_of_val(&*call) - bare;
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(response) = call.as_mut().poll(&mut cx) else { panic!("not at once") };
    let body = size_of_val(response.unwrap().body()) - size_of::<Full<Bytes>>();
    println!("future: {future}, body: {body}");
    assert!(future <= FUTURE && body <= BODY, "{future} {body}");
}
