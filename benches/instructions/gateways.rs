//! The gateways that are counted, and a request for them.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tower_ai_gateway::config::Config;
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::settings::limits::LimitRule;
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, GatewayToken, Secret, Settings, SettingsTable,
};
use tower_ai_gateway::{EndEvent, GatewayLayer, GatewayLayerBuilder, Provider};

use crate::NATIVE;
use crate::exchange::request;
use crate::frames::Frames;

pub(crate) fn builder() -> GatewayLayerBuilder {
    GatewayLayer::builder().providers(Provider::all())
}

pub(crate) fn bare() -> GatewayLayer {
    builder().build().unwrap()
}

pub(crate) fn hooked() -> GatewayLayer {
    let hook = |end: &EndEvent<'_>| {
        black_box((end.response_bytes, end.cost));
    };
    builder().metrics_hook(hook).build().unwrap()
}

/// A gateway with a token, a key and these rules, whose requests may be sent twice.
pub(crate) fn settings(rules: impl IntoIterator<Item = LimitRule>) -> Settings {
    let gateway = GatewaySettings::builder()
        .token(GatewayToken::new("test-token"))
        .key("grok", Secret::new("test-key").unwrap())
        .defaults(|defaults| defaults.max_attempts = Some(2));
    let gateway = rules.into_iter().fold(gateway, GatewaySettingsBuilder::limit);
    Settings::new(SettingsTable::new().gateway("acct", "gw", gateway.build().unwrap()))
}

/// A gateway that caches responses.
pub(crate) fn caching() -> Settings {
    let cache = CacheSettings::new(Duration::from_secs(3600));
    let gateway = GatewaySettings::builder().authenticated_elsewhere().cache(cache);
    Settings::new(SettingsTable::new().gateway("acct", "gw", gateway.build().unwrap()))
}

/// A request whose key is the gateway's.
pub(crate) fn with_token(body: &Bytes) -> Request<Frames> {
    let mut request = request(NATIVE, body);
    request.headers_mut().remove(AUTHORIZATION);
    let token = HeaderValue::from_static("Bearer test-token");
    request.headers_mut().insert("cf-aig-authorization", token);
    request
}

/// The settings of `benches/e2e`: every layer has something to check and nothing to do.
pub(crate) fn every_layer() -> SettingsTable {
    let directory = tempfile::tempdir().unwrap();
    let mut text = include_str!("../e2e/settings.toml").to_owned();
    for (name, value) in [("BENCH_TOKEN", "test-token"), ("BENCH_KEY", "test-key")] {
        let file = directory.path().join(name);
        std::fs::write(&file, value).unwrap();
        text = text.replace(&format!("env = {name:?}"), &format!("file = {file:?}"));
    }
    Config::from_toml(&text).unwrap().settings()
}
