//! An AI gateway as a Tower layer.
//!
//! Cloudflare's AI Gateway is a hosted proxy: a client replaces `https://api.x.ai/v1` by
//! `https://gateway…/v1/{account_id}/{gateway_id}/grok` and keeps its own key. This crate serves
//! the same paths and `cf-aig-*` headers inside your own process, as a [`GatewayLayer`]. Bodies
//! pass byte for byte in both directions, streams are relayed frame by frame, and a [`MetricsHook`]
//! sees the end of every exchange exactly once.
//!
//! # Beside an app
//!
//! Gateway paths go to an upstream client, everything else to the app. Errors of the upstream
//! become responses, so the error type stays the app's:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "client")] {
//! use axum::{Router, routing::get};
//! use tower_ai_gateway::{EndEvent, GatewayLayer, HttpClient, Provider};
//!
//! let gateway = GatewayLayer::builder()
//!     .provider(Provider::xai()) // slug `grok`, https://api.x.ai/v1
//!     .metrics_hook(|end: &EndEvent<'_>| println!("{} {}", end.context.operation(), end.outcome))
//!     .build()?;
//!
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "the app's own page" }))
//!     .layer(gateway.upstream(HttpClient::new()?));
//! # let _ = app; }
//! # Ok(()) }
//! ```
//!
//! `POST /v1/acct/gw/grok/chat/completions` now goes to xAI, with the caller's key. `Router::layer`
//! sees unmatched paths too, which `route_layer` does not. Without `.upstream(…)` it does not compile.
//!
//! A page of its own, [`axum`](mod@crate::axum), covers the order of layers, nested routers, CORS, body
//! limits, request ids, timeouts, tenants, shutdown, and tests of an app that has the layer.
//!
//! # Around a client
//!
//! [`GatewayLayer::around`] makes a service that rewrites requests and sends them with any HTTP
//! client service; the client's errors pass through, except a [`Refusal`], which becomes the response. The client gets the caller's body in
//! a [`RequestBody`], so a client with a fixed body type, such as [`HttpClient`] or hyper-util's,
//! needs the type `RequestBody<B>`:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "client")] {
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use tower_ai_gateway::{Gateway, GatewayLayer, HttpClient, Provider, RequestBody};
//!
//! let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
//! let service: Gateway<HttpClient<RequestBody<Full<Bytes>>>> = gateway.around(HttpClient::new()?);
//! # let _ = service; }
//! # Ok(()) }
//! ```
//!
//! In a stack of layers, [`GatewayLayer::client_layer`] does the same.
//!
//! # Paths
//!
//! | path | goes to |
//! |---|---|
//! | `/v1/{account}/{gateway}/{provider}/{rest}` | `{rest}` below the provider's base URL, any method |
//! | `POST /v1/{account}/{gateway}/compat/{endpoint}` | the provider that the body's `model` names (`grok/grok-4`) |
//! | `POST /client/v4/accounts/{account}/ai/v1/{endpoint}` | likewise; the gateway is named by `cf-aig-gateway-id` |
//! | `POST /v1/{account}/{gateway}` | the entries of the body in their order, if the mount is [universal](Mount::universal) |
//! | `GET …/compat/models`, `GET …/ai/v1/models`, and `…/models/{id}` there | no provider: the gateway lists the models that it may use, in OpenAI's shape |
//! | `{prefix}/{provider}/{rest}`, `{prefix}/compat/{endpoint}` | as above, for a [`Mount::at`] |
//!
//! `{endpoint}` is `chat/completions`, `responses`, `embeddings` or `messages`. The gateway takes a path
//! that names a configured provider. Any other path goes to the app, so an app keeps its own
//! `/v1/users/42/posts`. A leading segment of `{rest}` that repeats the end of the base URL is sent
//! once: `grok/v1/chat/completions` and `grok/chat/completions` are the same.
//!
//! On a model-routed path the body is read up to the end of its `model`. The provider's prefix is cut
//! out of it, and the rest streams on. Nothing is parsed into a tree or serialised again.
//!
//! # Keys
//!
//! The caller's `authorization`, `x-api-key`, `api-key` or `x-goog-api-key` goes to the provider
//! that the request was routed to and to no other; a request without one gets the key that its
//! gateway keeps for that provider. Nothing in a request can choose a scheme, a host or a port.
//! Redirects are relayed, never followed. Cookies, `cf-aig-*`, hop-by-hop headers, and what a proxy
//! in front says about the client (`forwarded`, `x-forwarded-*`, `x-real-ip`, `cf-access-*`, and the
//! names that CDNs use for its address and place, such as `true-client-ip` and `cf-connecting-ipv6`)
//! are not sent to providers. The only headers that are added are those of [`Provider::header`], `via`
//! if the host asks for it, and `x-grok-conv-id` for sessions of xAI's chat completions.
//!
//! # Gateways
//!
//! `{account}/{gateway}` in the path names a gateway. Each gateway has
//! [settings](settings::GatewaySettings): tokens that clients must show, stored keys, allowed
//! providers and models, timeouts, fallback chains, dynamic routes, limits, and a default for every
//! control header. A host sets them in code or reads them from a TOML file (feature `config`), and can
//! replace them at run time. A request keeps the settings that it began with:
//!
//! ```
//! use tower_ai_gateway::settings::{
//!     FallbackChain, GatewaySettings, GatewayToken, Secret, Settings, SettingsTable,
//! };
//! use tower_ai_gateway::{GatewayLayer, Provider};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let team = GatewaySettings::builder()
//!     .token(GatewayToken::new("example-token"))
//!     .key("grok", Secret::new("example-key")?)
//!     .key("openai", Secret::new("another-key")?)
//!     .allow_models(["grok-4*", "gpt-5*"])
//!     .fallback(FallbackChain::on("grok-4*").to("openai", "gpt-5"))
//!     .defaults(|defaults| defaults.max_attempts = Some(2))
//!     .build()?;
//! let settings = Settings::new(SettingsTable::new().gateway("acct", "team", team));
//! let gateway = GatewayLayer::builder()
//!     .providers(Provider::all())
//!     .settings(settings.clone()) // the host keeps this handle
//!     .build()?;
//! # let _ = gateway;
//! # Ok(()) }
//! ```
//!
//! # Identities and control headers
//!
//! The gateway has no users of its own. The host's middleware puts an [`Identity`] into the
//! request's extensions, or `jwt::JwtLayer` (feature `jwt`) does so for a signed token. Events,
//! logs, spans and settings queries contain it, and no header sets or removes it. Settings define
//! which control headers clients may use
//! ([`client_controls`](settings::GatewaySettingsBuilder::client_controls); those that affect costs
//! and logs are off by default), which metadata belong to the host, and whether keys from clients
//! are used ([`client_credentials`](settings::GatewaySettingsBuilder::client_credentials)).
//!
//! # Refusing
//!
//! A host refuses a request with a [`Refusal`]: from its settings resolver, or from a layer above or
//! below the gateway. A [`Guard`] checks each request before anything is sent, and gets the response
//! after its end; the example `guard` blocks prompts with a payment card number. The caller's SDK gets
//! a refusal as an error of its own API.
//!
//! # Usage and cost
//!
//! Responses are read as they pass, JSON and event streams alike, and never changed or held up.
//! [`EndEvent`] contains what an exchange [used](usage::Usage), how [complete](usage::Metering) that
//! is, its [cost](usage::Cost) and the [times](hook::Timings) of its steps: see [`usage`].
//!
//! Hooks that ship, each a feature: `metrics` (through the facade of that name), `otel` (spans),
//! `log` (JSON lines) and `log-sqlite` (a log with queries). Compressed responses are metered with the
//! feature `decompression`, which is on by default. Without it, a warning is logged at the first one.
//!
//! # Composing
//!
//! The upstream is an ordinary service: put layers for each provider call around the client. The
//! crate's own are in `control` (feature `control`): timeouts, retries, fallback, and limits that last
//! as long as a stream, where tower's own end at the response head. `control::ControlLayer` combines
//! them in their order. Without it, `cf-aig-max-attempts` and the like have no effect, and only the
//! first step of a universal request or a dynamic route is tried; the first such request logs a warning.
//!
//! # Logs
//!
//! With `tracing`, each exchange has a span (`DEBUG`) and one event at its end (`INFO`; `WARN` where
//! the provider failed), under the target `tower_ai_gateway`. No query, credential or body is in it:
//! what a client chooses is [redacted](hook::redacted) and cut to 1 KiB.
//!
//! # Minimum supported Rust version
//!
//! 1.88. Raising it is a minor release.
#![cfg_attr(docsrs, feature(doc_cfg))]
// The core offers the same to layers below it, whether or not the crate's own layers are built.
#![cfg_attr(not(feature = "control"), allow(dead_code, unused_imports))]

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub mod client;
#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
pub mod context;
#[cfg(feature = "control")]
#[cfg_attr(docsrs, doc(cfg(feature = "control")))]
pub mod control;
mod credentials;
mod directives;
mod exchange;
mod gateway;
pub mod hook;
mod json;
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub mod jwt;
mod provider;
mod rejection;
mod request;
mod response;
mod routing;
pub mod settings;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod usage;
mod util;

/// The futures of [`Gateway`] and [`Intercept`].
pub mod future {
    pub use crate::gateway::future::{InterceptFuture, ResponseFuture};
}

/// Settings that must be awaited: the layer above a gateway that loads them, its service and its
/// future. [`GatewayLayer::settings_layer`] makes the layer.
pub mod settings_layer {
    pub use crate::gateway::settings_layer::{SettingsFuture, SettingsLayer, WithSettings};
}

#[cfg(feature = "client")]
#[doc(inline)]
pub use self::client::{ClientError, HttpClient};
#[doc(inline)]
pub use self::context::GatewayContext;
pub use self::gateway::intercept::Intercept;
pub use self::gateway::layer::builder::GatewayLayerBuilder;
pub use self::gateway::layer::{ClientLayer, GatewayLayer, InterceptLayer};
pub use self::gateway::service::Gateway;
pub use self::hook::guard;
#[doc(inline)]
pub use self::hook::guard::Guard;
#[cfg(feature = "log")]
#[doc(inline)]
pub use self::hook::log;
#[cfg(feature = "metrics")]
#[doc(inline)]
pub use self::hook::metrics;
#[cfg(feature = "otel")]
#[doc(inline)]
pub use self::hook::otel;
#[doc(inline)]
pub use self::hook::{EndEvent, MetricsHook, Outcome};
pub use self::provider::Provider;
pub use self::rejection::{ErrorFormat, Refusal};
pub use self::request::body::RequestBody;
pub use self::response::body::ResponseBody;
pub use self::response::intercept_body::InterceptBody;
pub use self::routing::{Mount, RouteInfo};
pub use self::util::budget::BodyBudget;
pub use self::util::config_error::ConfigError;
pub use self::util::identity;
#[doc(inline)]
pub use self::util::identity::Identity;
pub use self::util::operation::Operation;
pub use self::util::timeout;

/// For the crate's own benchmarks and fuzz targets: no part of its interface.
#[doc(hidden)]
pub mod internals {
    #[cfg(fuzzing)]
    pub use crate::gateway::fuzzing::*;
    #[cfg(feature = "log")]
    pub use crate::hook::log::prepare;
    pub use crate::usage::{Format, Meter, Problem, Shape};
}

/// Compiles the code of these pages with the tests of all features.
#[cfg(all(doctest, feature = "full"))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/library.md")]
    struct Library;
    #[doc = include_str!("../docs/identity.md")]
    struct Identities;
    #[doc = include_str!("../docs/caching.md")]
    struct Caching;
}

// The page's code is compiled with the tests of all features.
#[cfg(doc)]
#[cfg_attr(
    any(not(doctest), all(feature = "client", feature = "control", feature = "testing")),
    doc = include_str!("../docs/axum.md")
)]
pub mod axum {}

/// The target of all `tracing` spans and events of this crate.
const TARGET: &str = "tower_ai_gateway";

/// Whether the layers that balance, retry and fall back are there.
const HAS_CONTROL_LAYERS: bool = cfg!(feature = "control");

/// The errors of optional rooms, each with its failure. Listed here so that the core need not name
/// them.
static KNOWN_ERRORS: &[&[response::failure::KnownError]] = &[
    #[cfg(feature = "client")]
    client::KNOWN_ERRORS,
    #[cfg(feature = "control")]
    control::KNOWN_ERRORS,
];
