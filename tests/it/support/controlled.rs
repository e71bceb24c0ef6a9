//! A gateway with all control layers, and a scripted provider in memory.
#![allow(clippy::needless_pass_by_value)]

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Secret, Settings, SettingsTable,
};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder};

use super::memory::{self, Recorder};
use super::scripted::{AnswerBody, Call, Reply, Upstream};

pub type Answer = Response<AnswerBody>;

pub const SECOND: Duration = Duration::from_secs(1);

pub fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

pub fn settings(
    set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
) -> GatewaySettings {
    set(GatewaySettings::builder().authenticated_elsewhere()).build().unwrap()
}

pub fn every_gateway(
    set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
) -> Settings {
    Settings::new(SettingsTable::new().serve_unknown(settings(set)))
}

/// The gateway, its provider's requests, and its hook's events.
#[derive(Clone)]
pub struct Scene {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Answer, Infallible>,
    upstream: Upstream,
    pub recorder: Recorder,
}

impl Scene {
    /// `build`: providers and settings.
    pub fn new(
        build: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
        control: ControlLayer,
        reply: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let recorder = Recorder::default();
        let layer = build(GatewayLayer::builder()).metrics_hook(recorder.clone()).build().unwrap();
        let upstream = Upstream::new(move |call, _| reply(call));
        let client = control.layer(upstream.clone());
        let service = layer.upstream(client).layer(service_fn(memory::app));
        let service = service.map_response(|response: Response<_>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        Self { service: BoxCloneSyncService::new(service), upstream, recorder }
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.service.clone().oneshot(request).await.unwrap()
    }

    /// Runs an exchange to its end. Returns the status and the body.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> (u16, String) {
        let response = self.send(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The provider's requests since the last call.
    pub fn sent(&self) -> Vec<Call> {
        self.upstream.take_calls()
    }

    /// The only request of these.
    pub fn one(&self) -> Call {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.pop().unwrap()
    }
}

/// A request without a key.
pub fn post(path: &str) -> Request<Full<Bytes>> {
    Request::post(path).header("host", "gateway.test").body(Full::default()).unwrap()
}

pub fn with(
    mut request: Request<Full<Bytes>>,
    name: &'static str,
    value: &str,
) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

pub fn body(request: Request<Full<Bytes>>, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    request.map(|_| Full::new(body.into()))
}
