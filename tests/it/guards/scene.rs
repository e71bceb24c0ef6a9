//! A gateway with guards on a socket, and guards that record their input.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::util::MapRequest;
use tower::{Layer, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::guard::{GuardHead, GuardRequest, GuardedResponse, Verdict};
use tower_ai_gateway::settings::{GatewaySettings, GatewaySettingsBuilder, Secret};
use tower_ai_gateway::{
    GatewayContext, GatewayLayer, GatewayLayerBuilder, Guard, HttpClient, Identity, Mount, Outcome,
    Provider,
};

use crate::support::gateway::Gateway;
use crate::support::guard;
use crate::support::raw_upstream::Recorder;

pub(crate) const NATIVE: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
pub(crate) const COMPAT: &str = "POST /v1/acct/gw/compat/chat/completions";
pub(crate) const MESSAGES: &str = "POST /v1/acct/gw/compat/messages";
pub(crate) const REST: &str = "POST /client/v4/accounts/acct/ai/v1/chat/completions";
pub(crate) const UNIVERSAL: &str = "POST /v1/acct/gw";

pub(crate) const JSON: &str = "content-type: application/json";

/// `grok` and `openai` at this provider, under all kinds of paths.
pub(crate) fn layer(provider: &Recorder) -> GatewayLayerBuilder {
    at(&provider.base("/v1"))
}

pub(crate) fn at(base: &str) -> GatewayLayerBuilder {
    GatewayLayer::builder()
        .provider(Provider::xai().base_url(base))
        .provider(Provider::openai().base_url(base))
        .mount(Mount::hosted().universal())
        .mount(Mount::rest())
}

/// Settings with a key for each provider.
pub(crate) fn keys() -> GatewaySettingsBuilder {
    let secret = |text: &str| Secret::new(text).unwrap();
    GatewaySettings::builder()
        .authenticated_elsewhere()
        .key("grok", secret("sk-stored-for-grok"))
        .key("openai", secret("sk-stored-for-openai"))
}

/// The layer beside an app, around a client with all layers of control.
pub(crate) async fn serve(layer: GatewayLayerBuilder) -> Gateway {
    let stack = ControlLayer::new().layer(HttpClient::new().unwrap());
    let app = service_fn(|_: Request<_>| async {
        Ok::<_, Infallible>(Response::builder().status(418).body(Body::empty()).unwrap())
    });
    let service = MapRequest::new(layer.build().unwrap().upstream(stack).layer(app), known);
    Gateway::serve(service).await
}

/// Acts as the host's middleware, which identifies the caller.
fn known(mut request: Request<Incoming>) -> Request<Incoming> {
    request.extensions_mut().insert(Identity::new("tenant").unwrap());
    request
}

/// The input of a guard.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) provider: String,
    pub(crate) operation: String,
    pub(crate) path: String,
    pub(crate) model: Option<String>,
    pub(crate) entry: Option<usize>,
    pub(crate) method: String,
    pub(crate) subject: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) is_whole: bool,
    /// The `Debug` output of everything.
    pub(crate) debug: String,
}

impl Seen {
    fn of(GuardRequest { head, body, .. }: &GuardRequest<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            provider: head.provider.to_owned(),
            operation: head.operation.as_str().to_owned(),
            path: head.path.to_owned(),
            model: owned(head.model),
            entry: head.entry,
            method: head.context.method().to_string(),
            subject: owned(head.context.identity().map(|identity| identity.subject())),
            content_type: owned(head.content_type),
            content_encoding: owned(head.content_encoding),
            body: body.bytes.to_vec(),
            is_whole: body.is_whole,
            debug: format!("{head:?} {:?} {body:?}", head.context.directives()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

/// A response as reported to a guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) status: u16,
    pub(crate) outcome: Outcome,
    pub(crate) stream: bool,
    pub(crate) body: String,
    pub(crate) is_whole: bool,
    pub(crate) flags: Vec<String>,
}

type Decide = dyn Fn(&Seen) -> Verdict + Send + Sync;

/// Requests this many bytes, records its input, and decides with a closure.
pub(crate) struct Spy {
    limit: usize,
    response_limit: usize,
    decide: Box<Decide>,
    seen: UnboundedSender<Seen>,
    reported: UnboundedSender<Reported>,
}

/// The records of a [`Spy`].
pub(crate) struct Reports {
    pub(crate) seen: UnboundedReceiver<Seen>,
    pub(crate) reported: UnboundedReceiver<Reported>,
}

impl Spy {
    pub(crate) fn new(
        limit: usize,
        decide: impl Fn(&Seen) -> Verdict + Send + Sync + 'static,
    ) -> (Self, Reports) {
        let ((seen, sees), (reported, tells)) = (unbounded_channel(), unbounded_channel());
        let spy = Self { limit, response_limit: 0, decide: Box::new(decide), seen, reported };
        (spy, Reports { seen: sees, reported: tells })
    }

    pub(crate) fn passing(limit: usize) -> (Self, Reports) {
        Self::new(limit, |_| Verdict::Pass)
    }

    pub(crate) fn response_limit(mut self, limit: usize) -> Self {
        self.response_limit = limit;
        self
    }
}

impl Reports {
    pub(crate) async fn next(&mut self) -> Seen {
        guard("a guard that is asked", self.seen.recv()).await.unwrap()
    }

    /// The only request that was checked.
    pub(crate) async fn only(&mut self) -> Seen {
        let seen = self.next().await;
        assert!(self.seen.is_empty(), "the guard is asked once");
        seen
    }

    pub(crate) async fn reported(&mut self) -> Reported {
        guard("the end of a response", self.reported.recv()).await.unwrap()
    }
}

impl Guard for Spy {
    fn body_limit(&self, _: &GuardHead<'_>) -> usize {
        self.limit
    }

    async fn check(&self, request: GuardRequest<'_>) -> Verdict {
        // Like a guard that calls another service.
        tokio::task::yield_now().await;
        let seen = Seen::of(&request);
        let verdict = (self.decide)(&seen);
        let _ = self.seen.send(seen);
        verdict
    }

    fn response_limit(&self, _: &GatewayContext) -> usize {
        self.response_limit
    }

    fn on_response(&self, response: &GuardedResponse<'_>) {
        let reported = Reported {
            status: response.status.as_u16(),
            outcome: response.outcome,
            stream: response.stream,
            body: response.body.text().unwrap().to_owned(),
            is_whole: response.body.is_whole,
            flags: response.flags.iter().map(|flag| flag.to_string()).collect(),
        };
        let _ = self.reported.send(reported);
    }
}

/// Reads this many bytes and never decides. Counts its active futures.
#[derive(Clone, Default)]
pub(crate) struct Hanging {
    pub(crate) limit: usize,
    pub(crate) running: Arc<AtomicUsize>,
}

struct Count(Arc<AtomicUsize>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hanging {
    pub(crate) fn count(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

impl Guard for Hanging {
    fn body_limit(&self, _: &GuardHead<'_>) -> usize {
        self.limit
    }

    fn check(&self, _: GuardRequest<'_>) -> impl Future<Output = Verdict> + Send {
        let running = self.running.clone();
        async move {
            running.fetch_add(1, Ordering::SeqCst);
            let _count = Count(running);
            pending().await
        }
    }
}
