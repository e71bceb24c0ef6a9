//! A gateway with all control layers and several targets, and a provider in memory.
#![allow(unreachable_pub)]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::context::Affinity;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Secret, Settings, SettingsTable,
};
use tower_ai_gateway::{EndEvent, GatewayLayer, GatewayLayerBuilder, MetricsHook, Provider};

use crate::support::scripted::{AnswerBody, Call, Reply, Upstream};

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The end of an exchange: the session, the source of its name, and its affinity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    pub session: Option<String>,
    pub source: Option<&'static str>,
    pub affinity: Option<Affinity>,
}

#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<End>>>);

impl MetricsHook for Ends {
    fn on_end(&self, end: &EndEvent<'_>) {
        let session = end.context.session();
        self.0.lock().unwrap().push(End {
            session: session.map(ToString::to_string),
            source: session.map(|session| session.source()),
            affinity: end.context.affinity(),
        });
    }
}

#[derive(Clone)]
pub struct Scene {
    service: BoxCloneSyncService<Request<Body>, Response<AnswerBody>, BoxError>,
    upstream: Upstream,
    ends: Ends,
}

pub fn ok(_: &Call) -> Reply {
    Reply::ok()
}

pub fn status(status: u16) -> Reply {
    Reply::status(status).header("content-type", "application/json")
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

impl Scene {
    pub fn new(
        layer: GatewayLayerBuilder,
        settings: GatewaySettingsBuilder,
        control: ControlLayer,
        reply: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        // Where load decides, chance breaks a tie: the same in every run.
        fastrand::seed(5);
        let ends = Ends::default();
        let settings = settings.authenticated_elsewhere().build().unwrap();
        let settings = Settings::new(SettingsTable::new().serve_unknown(settings));
        let layer = layer.settings(settings).metrics_hook(ends.clone()).build().unwrap();
        let upstream = Upstream::new(move |call, _| reply(call));
        let service = layer.client_layer().layer(control.layer(upstream.clone()));
        let service =
            ServiceExt::<Request<Body>>::map_response(service, |response: Response<_>| {
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            });
        Self { service: BoxCloneSyncService::new(service), upstream, ends }
    }

    /// Stores this many keys of the default alias for each of these providers.
    pub fn keys(count: usize) -> Self {
        Self::new(providers(), keys(count), ControlLayer::new(), ok)
    }

    /// The provider answers before it has read a body.
    pub fn at_once(self) -> Self {
        Self { upstream: self.upstream.reads(0), ..self }
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Bytes> {
        self.try_to_send(request).await.unwrap()
    }

    pub async fn try_to_send(&self, request: Request<Body>) -> Result<Response<Bytes>, BoxError> {
        let (head, body) = self.service.clone().oneshot(request).await?.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Response::from_parts(head, body))
    }

    /// All requests that the provider received.
    pub async fn sent(&self, request: Request<Body>) -> Call {
        let response = self.send(request).await;
        assert_eq!(response.status(), 200, "{:?}", response.body());
        self.all_sent().pop().unwrap()
    }

    /// The requests that reached the provider since the last call.
    pub fn all_sent(&self) -> Vec<Call> {
        self.upstream.take_calls()
    }

    pub fn end(&self) -> End {
        self.ends.0.lock().unwrap().pop().unwrap()
    }

    /// The targets of the same request when it is sent many times.
    pub async fn targets(&self, request: impl Fn() -> Request<Body>) -> BTreeSet<String> {
        let mut targets = BTreeSet::new();
        for _ in 0..40 {
            targets.insert(self.sent(request()).await.target());
        }
        targets
    }
}

pub fn providers() -> GatewayLayerBuilder {
    GatewayLayer::builder()
        .provider(Provider::xai())
        .provider(Provider::openai())
        .provider(Provider::anthropic())
}

/// `key-1` to `key-{count}` for xAI and OpenAI.
pub fn keys(count: usize) -> GatewaySettingsBuilder {
    let keys = (1..=count).map(|number| (number, 1)).collect::<Vec<_>>();
    weighted(&keys)
}

/// Keys by number and weight.
pub fn weighted(keys: &[(usize, u32)]) -> GatewaySettingsBuilder {
    keys.iter().fold(GatewaySettings::builder(), |settings, (number, weight)| {
        ["grok", "openai", "anthropic"].iter().fold(settings, |settings, provider| {
            let key = secret(&format!("key-{number}"));
            settings.weighted_key(*provider, "default", key, *weight)
        })
    })
}

pub const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
pub const RESPONSES: &str = "/v1/acct/gw/openai/v1/responses";

pub fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A JSON request with these headers.
pub fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(full(body)).unwrap()
}

pub fn chat(headers: &[(&str, &str)]) -> Request<Body> {
    post(CHAT, headers, r#"{"model":"grok-4","messages":[]}"#)
}

pub fn of_session(id: &str) -> Request<Body> {
    chat(&[("cf-aig-session-id", id)])
}
