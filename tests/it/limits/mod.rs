//! Limits and timeouts from gateway settings and request headers.

mod credentials;
mod fallbacks;
mod frames;
mod places;
mod spelling;
mod timeouts;
mod totals;
mod unread;

use http::Request;
use http_body_util::Full;
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{GatewaySettingsBuilder, Settings};

use crate::support::controlled::{Answer, Scene};
use crate::support::scripted::{Call, Reply};

const GROK: &str = "/v1/acct/gw/grok/v1/chat/completions";
const OPENAI: &str = "/v1/acct/gw/openai/v1/chat/completions";

type Set = fn(GatewaySettingsBuilder) -> GatewaySettingsBuilder;

fn scene(
    settings: Settings,
    control: ControlLayer,
    reply: impl Fn(&Call) -> Reply + Send + Sync + 'static,
) -> Scene {
    let providers = [Provider::xai(), Provider::openai()];
    Scene::new(|builder| builder.providers(providers).settings(settings), control, reply)
}

/// Streams that stay open.
fn streams(settings: Settings) -> Scene {
    scene(settings, ControlLayer::new(), |_| Reply::ok().timed(&[1_000_000]))
}

/// The response, if there was a permit for it.
async fn admitted(scene: &Scene, request: Request<Full<bytes::Bytes>>) -> Option<Answer> {
    let response = scene.send(request).await;
    match response.status().as_u16() {
        200 => Some(response),
        503 => None,
        status => panic!("{status}"),
    }
}
