//! A gateway with all control layers, and a scripted provider in memory.
#![allow(clippy::needless_pass_by_value)]

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::time::sleep;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Secret, Settings, SettingsTable,
};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, RequestBody};

use super::memory::{self, Recorder};
use super::timed::timed;

pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

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

/// What the provider does with a request.
#[derive(Clone, Debug)]
pub struct Reply {
    after: Duration,
    status: Result<u16, io::ErrorKind>,
    headers: Vec<(&'static str, String)>,
    body: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Whole(Bytes),
    /// A frame after each gap, in milliseconds.
    Timed(Vec<u64>),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        let body = Content::Whole(Bytes::from_static(b"{}"));
        Self { after: Duration::ZERO, status: Ok(status), headers: Vec::new(), body }
    }

    pub fn ok() -> Self {
        Self::status(200).header("content-type", "application/json")
    }

    pub fn fails(kind: io::ErrorKind) -> Self {
        Self { status: Err(kind), ..Self::ok() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn json(mut self, text: impl Into<Bytes>) -> Self {
        self.body = Content::Whole(text.into());
        self
    }

    pub fn timed(mut self, gaps: &[u64]) -> Self {
        self.body = Content::Timed(gaps.to_vec());
        self
    }

    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    async fn send(self) -> io::Result<Answer> {
        if !self.after.is_zero() {
            sleep(self.after).await;
        }
        let mut response = Response::builder().status(self.status.map_err(io::Error::from)?);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = match self.body {
            Content::Whole(bytes) => {
                Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
            }
            Content::Timed(gaps) => timed(&gaps).boxed_unsync(),
        };
        Ok(response.body(body).unwrap())
    }
}

/// A request as received by the provider.
#[derive(Clone, Debug)]
pub struct Sent {
    pub uri: String,
    pub host: Option<String>,
    pub head: Parts,
}

impl Sent {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.head.headers.get_all(name).iter();
        let value = all.next()?;
        assert!(all.next().is_none(), "{name} twice");
        Some(value.to_str().unwrap())
    }

    /// The token after `Bearer`.
    pub fn key(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    pub fn authority(&self) -> &str {
        self.head.uri.authority().unwrap().as_str()
    }
}

/// The gateway, its provider's requests, and its hook's events.
#[derive(Clone)]
pub struct Scene {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Answer, Infallible>,
    sent: Arc<Mutex<Vec<Sent>>>,
    pub recorder: Recorder,
}

impl Scene {
    /// `build`: providers and settings.
    pub fn new(
        build: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
        control: ControlLayer,
        reply: impl Fn(&Sent) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let recorder = Recorder::default();
        let layer = build(GatewayLayer::builder()).metrics_hook(recorder.clone()).build().unwrap();
        let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let (log, reply) = (sent.clone(), Arc::new(reply));
        let client = service_fn(move |request: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
            let (head, body) = request.into_parts();
            let uri = head.uri.to_string();
            let host = head.headers.get("host").map(|host| host.to_str().unwrap().to_owned());
            let sent = Sent { uri, host, head };
            let reply = reply(&sent);
            log.lock().unwrap().push(sent);
            async move {
                body.collect().await.map_err(io::Error::other)?;
                reply.send().await
            }
        });
        let service = layer.upstream(control.layer(client)).layer(service_fn(memory::app));
        let service = service.map_response(|response: Response<_>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        Self { service: BoxCloneSyncService::new(service), sent, recorder }
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
    pub fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    /// The only request of these.
    pub fn one(&self) -> Sent {
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
