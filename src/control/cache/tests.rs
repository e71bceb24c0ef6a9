//! Which requests share a response, through all stages of a gateway.

mod forms;
mod policies;
mod properties;
mod separation;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower::{ServiceExt as _, service_fn};

use super::asked::{Asked, Policy, asked};
use super::key::{CachePlace, KeyMaker};
use crate::GatewayLayer;
use crate::context::GatewayContext;
use crate::provider::Provider;
use crate::request::body::RequestBody;
use crate::routing::Mount;
use crate::settings::{GatewaySettings, GatewaySettingsBuilder};
use crate::util::identity::Identity;

/// A client's request, and the gateway that it goes to.
#[derive(Clone, Debug)]
struct Scene {
    settings: Option<Arc<GatewaySettings>>,
    base_url: &'static str,
    method: Method,
    uri: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    identity: Option<String>,
    /// Replaces `identity`.
    caller: Option<Identity>,
}

/// What the cache does with the request.
#[derive(Debug)]
enum Got {
    Nothing,
    Bypass,
    Kept(Box<(CachePlace, Policy)>),
}

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";

impl Scene {
    /// A chat with the client's own key.
    fn new() -> Self {
        Self {
            settings: None,
            base_url: "https://one.test/v1",
            method: Method::POST,
            uri: CHAT.into(),
            headers: Vec::new(),
            body: br#"{"model":"grok-4","messages":[]}"#.into(),
            identity: None,
            caller: None,
        }
        .with("authorization", "Bearer sk-one")
        .with("content-type", "application/json")
    }

    fn settings(
        mut self,
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
    ) -> Self {
        self.settings =
            Some(Arc::new(set(GatewaySettings::builder().scope("test")).build().unwrap()));
        self
    }

    fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Adds a line of a header.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn identity(mut self, subject: &str) -> Self {
        self.identity = Some(subject.into());
        self
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(&self.method).uri(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(subject) = &self.identity {
            request = request.extension(Identity::new(subject).unwrap());
        }
        if let Some(caller) = &self.caller {
            request = request.extension(caller.clone());
        }
        request.body(Full::from(self.body.clone())).unwrap()
    }

    /// The layer above the gateway's client: `look` sees the request as it is sent.
    fn sent<T: Send + 'static>(
        &self,
        look: impl Fn(&Request<()>, &GatewayContext, &[u8]) -> T + Clone + Send + 'static,
    ) -> T {
        let found = Arc::new(Mutex::new(None));
        let client = service_fn({
            let found = found.clone();
            move |request: Request<RequestBody<Full<Bytes>>>| {
                let (found, look) = (found.clone(), look.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let head = Request::from_parts(parts, ());
                    let context = head.extensions().get::<GatewayContext>().unwrap().clone();
                    *found.lock().unwrap() = Some(look(&head, &context, &body));
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            }
        });
        let mut gateway = GatewayLayer::builder().mount(Mount::hosted().universal()).providers([
            Provider::xai().base_url(self.base_url),
            Provider::openai(),
            Provider::google_ai_studio(),
            Provider::bedrock("us-east-1"),
            Provider::custom("acme", "https://acme.test/v1").key_header("x-acme-key"),
        ]);
        if let Some(settings) = &self.settings {
            gateway = gateway.settings(settings.clone());
        }
        let gateway = gateway.build().unwrap().around(client);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(gateway.oneshot(self.request())).unwrap();
        let found = found.lock().unwrap().take();
        found.unwrap_or_else(|| panic!("not sent: {response:?} for {self:?}"))
    }

    fn got(&self) -> Got {
        self.sent(|head, context, body| match asked(head, context) {
            Asked::Nothing => Got::Nothing,
            Asked::Bypass => Got::Bypass,
            Asked::Keep(policy) => {
                let place = place(head, context, &policy, body);
                Got::Kept(Box::new((place, Policy::clone(&policy))))
            }
        })
    }

    fn kept(&self) -> (CachePlace, Policy) {
        match self.got() {
            Got::Kept(kept) => *kept,
            got => panic!("{got:?}: {self:?}"),
        }
    }

    fn place(&self) -> CachePlace {
        self.kept().0
    }
}

fn place(head: &Request<()>, context: &GatewayContext, policy: &Policy, body: &[u8]) -> CachePlace {
    let mut maker = KeyMaker::new(head, context, policy);
    // In pieces, which must make no difference.
    for piece in body.chunks(7) {
        maker.push(piece);
    }
    maker.finish(context)
}
