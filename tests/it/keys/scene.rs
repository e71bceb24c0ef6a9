//! A gateway with two providers, the first of which has a problem.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_ai_gateway::control::{FallbackLayer, ReplayLayer, RetryLayer};
use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::settings::{FallbackChain, GatewaySettings, GatewayToken, Secret};
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::keys::leaky::{Leak, Leaky};
use crate::keys::oracle::{Seen, key};
use crate::support::scripted::events::Events;
use crate::support::scripted::{Answer, Call, Upstream, answer, fails, read};

/// All built-in providers, and a custom one with its own key header.
pub(crate) fn providers() -> Vec<Provider> {
    let acme = Provider::custom("acme", "https://acme.test/v1").key_header("x-acme-key");
    let mut all = Provider::all();
    all.push(acme);
    all
}

/// The provider of an authority.
pub(crate) fn slug(authority: &str) -> String {
    static KNOWN: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let of = |provider: Provider| {
            let debug = format!("{provider:?}");
            let host = debug.split("://").nth(1).unwrap().split(['/', '"']).next().unwrap();
            (host.to_owned(), provider.slug().to_owned())
        };
        providers().into_iter().map(of).collect()
    });
    known.iter().find(|(host, _)| host == authority).unwrap().1.clone()
}

/// What the first provider does at each call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Busy,
    Slow,
    Refused,
    Reset,
    /// A successful response with an error.
    Hidden,
    /// A redirect to the other provider.
    Redirect,
}

pub(crate) const TROUBLES: [Trouble; 6] = [
    Trouble::Busy,
    Trouble::Slow,
    Trouble::Refused,
    Trouble::Reset,
    Trouble::Hidden,
    Trouble::Redirect,
];

impl Trouble {
    fn of(self, call: &Call) -> Answer {
        // The provider returns its key in all headers that can hold keys.
        let names = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        let keys = call.headers.values().filter(|value| value.is_sensitive());
        let echo: Vec<_> =
            keys.zip(names).map(|(key, name)| (name, key.to_str().unwrap())).collect();
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(echo);
        match self {
            Self::Busy => answer(503, &headers, "{}"),
            Self::Slow => {
                headers.push(("retry-after-ms", "1"));
                answer(429, &headers, "{}")
            }
            Self::Refused => fails(ErrorKind::ConnectionRefused),
            Self::Reset => fails(ErrorKind::ConnectionReset),
            Self::Hidden => answer(200, &headers, r#"{"error":{"message":"overloaded"}}"#),
            Self::Redirect => {
                headers.push(("location", "https://api.openai.com/v1/chat/completions"));
                answer(307, &headers, "{}")
            }
        }
    }
}

/// The two providers, and the way from one to the other.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The client's request.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Pair {
    fn settings(&self) -> Arc<GatewaySettings> {
        let (from, to) = (&*self.from, &*self.to);
        let route = DynamicRoute::builder("r")
            .start("a")
            .node("a", Node::model(from, "m").fallback("b"))
            .node("b", Node::model(to, "m").fallback("c"))
            .node("c", Node::model(from, "m"));
        let chain = FallbackChain::on("*").to_model("m2").to(to, "m3").to(from, "m4");
        let mut settings = GatewaySettings::builder()
            .token(GatewayToken::new(key("gateway")))
            .route(route.build().unwrap())
            .fallback(chain);
        for provider in providers() {
            let slug = provider.slug();
            settings = settings.key(slug, Secret::new(key(slug)).unwrap());
        }
        Arc::new(settings.build().unwrap())
    }

    /// Sends a request while the first provider has a problem, or both have.
    pub(crate) async fn send(&self, sent: &Sent, trouble: Trouble, both: bool, leak: Leak) -> Seen {
        let from = self.from.clone();
        let upstream = Upstream::new(move |call, _| match both || slug(call.authority()) == from {
            true => trouble.of(call),
            false => answer(200, &[("content-type", "application/json")], "{}"),
        });
        let events = Events::default();
        let gateway = GatewayLayer::builder()
            .providers(providers())
            .mount(Mount::hosted().universal())
            .mount(Mount::rest())
            .settings(self.settings())
            .metrics_hook(events.clone())
            .build()
            .unwrap();
        let stack = ServiceBuilder::new()
            .layer(ReplayLayer::on_demand())
            .layer(FallbackLayer::new())
            .layer(RetryLayer::default())
            .service(Leaky::new(upstream.clone(), leak));
        let service = gateway.upstream(stack).layer(tower::service_fn(app::<Full<Bytes>>));
        let mut request = Request::post(&sent.path)
            .header("cf-aig-authorization", format!("Bearer {}", key("gateway")))
            .header("cf-aig-max-attempts", "2")
            .header("cf-aig-retry-delay", "0")
            .header("cookie", key("nobody"))
            .header("proxy-authorization", key("nobody"));
        for (name, value) in &sent.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(sent.body.clone())).unwrap();
        let (head, body) = service.oneshot(request).await.unwrap().into_parts();
        let body = read(body).await;
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        let headers: Vec<_> = headers.collect();
        let reported = format!(
            "{headers:?} {:?} {:?} {events:?}",
            head.extensions,
            body.map(String::from_utf8),
        );
        Seen { calls: upstream.calls(), reported }
    }
}

async fn app<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    panic!("not the app's")
}
