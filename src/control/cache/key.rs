//! The key of an answer: a digest of all that can change it.
//!
//! Everything that goes to the provider is in the key, but for headers of which it is known that they
//! change no answer. So a header that nobody here has heard of separates, too.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderName};
use http::{HeaderMap, Request};
use sha2::{Digest as _, Sha256};

use super::asked::Policy;
use super::codings::accepted;
pub use super::scopes::CacheScope;
use super::stateful::Stateful;
use super::{repeatable, scopes};
use crate::context::GatewayContext;
use crate::credentials;
use crate::json::object::ObjectScanner;
use crate::json::string;
use crate::settings::{GatewaySettings, is_named};
use crate::util::digest::add_parts;
use crate::util::hex;

/// A digest of all that can change an answer: 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(pub [u8; 32]);

/// Where an answer is kept: its key, and what it can be purged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePlace {
    /// What finds it.
    pub key: CacheKey,
    /// Of the account and the gateway: entries with the same one can be kept together.
    pub gateway: CacheScope,
    /// Of the provider within the gateway.
    pub provider: CacheScope,
    /// Of the model within the gateway.
    pub model: CacheScope,
    /// Of the custom key within the gateway, where the request has one.
    pub custom: Option<CacheScope>,
}

/// The first 16 hexadecimal digits.
impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::Text(&self.0[..8]).fmt(f)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

/// Puts a key together: the head of a request first, then its body as it is read.
pub(super) struct KeyMaker {
    context: GatewayContext,
    /// In every key: the gateway, provider, caller and method, and most headers.
    always: Sha256,
    /// Path, query, and the headers of the content.
    target: Sha256,
    body: Sha256,
    members: Stateful,
    /// The body is compressed, so that nobody reads its members.
    has_coding: bool,
    model: Model,
    /// Stands for `target` and `body`.
    custom: Option<Box<str>>,
}

/// The model of a request.
enum Model {
    Known(Box<str>),
    Read(Box<ObjectScanner>),
    Unreadable,
}

impl KeyMaker {
    pub(super) fn new<B>(request: &Request<B>, context: &GatewayContext, policy: &Policy) -> Self {
        let mut always = Sha256::new_with_prefix("tower-ai-gateway/cache/1");
        let uri = request.uri();
        let upstream = context.upstream();
        add_option(&mut always, context.account().map(str::as_bytes));
        add_parts(
            &mut always,
            &[
                &place_of_settings(context.settings()),
                context.gateway().as_bytes(),
                upstream.map_or("", |upstream| upstream.slug()).as_bytes(),
                upstream.map_or("", |upstream| upstream.origin().base()).as_bytes(),
                uri.scheme_str().unwrap_or_default().as_bytes(),
                uri.authority().map_or("", |authority| authority.as_str()).as_bytes(),
                request.method().as_str().as_bytes(),
            ],
        );
        add_caller(&mut always, request, context, policy.is_shared);
        let mut target = Sha256::new();
        add_parts(&mut target, &[uri.path().as_bytes()]);
        add_option(&mut target, uri.query().map(str::as_bytes));
        let is_custom = upstream.is_some_and(|upstream| upstream.slug().starts_with("custom-"));
        add_headers(&mut always, &mut target, request.headers(), is_custom);
        Self {
            model: Model::of(context, policy.custom.is_some()),
            context: context.clone(),
            always,
            target,
            body: Sha256::new(),
            members: Stateful::new(),
            has_coding: request.headers().contains_key(CONTENT_ENCODING),
            custom: policy.custom.clone(),
        }
    }

    /// The next bytes of the body.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.body.update(data);
        self.members.push(data);
        if let Model::Read(scanner) = &mut self.model {
            if scanner.push(data).is_err() {
                self.model = Model::Unreadable;
            } else if self.custom.is_none()
                && let Some(model) = decoded(scanner)
            {
                self.model = Model::Known(model);
            }
        }
    }

    /// Whether the body, which was read to its end, only asks for an answer: one that tells of a state at
    /// the provider, or that cannot be read, is not for the cache.
    pub(super) fn is_clean(&self) -> bool {
        let may_be_other = !repeatable::takes_only_json(self.context.operation());
        !self.has_coding && self.members.is_clean(may_be_other)
    }

    pub(super) fn finish(self) -> CachePlace {
        let Self { context, always: mut digest, target, body, members, model, custom, .. } = self;
        let model = match model {
            Model::Known(model) => Some(Some(model)),
            Model::Read(scanner) if scanner.finish().is_err() => None,
            Model::Read(scanner) if scanner.model().is_none() => Some(None),
            Model::Read(scanner) => decoded(&scanner).map(Some),
            Model::Unreadable => None,
        };
        let (target, body) = (target.finalize(), body.finalize());
        if custom.is_some() {
            // One key may be used for several operations, and with and without a stream.
            let is_stream = [u8::from(members.is_stream())];
            add_parts(&mut digest, &[context.operation().as_str().as_bytes(), &is_stream]);
        }
        match (&custom, &model) {
            (None, _) => add_parts(&mut digest, &[b"computed", &target, &body]),
            // The model is as the request names it, so that no other's answer is given for it.
            (Some(key), Some(Some(model))) => {
                add_parts(&mut digest, &[b"custom", key.as_bytes(), model.as_bytes()]);
            }
            // The path may say which model it is.
            (Some(key), Some(None)) => {
                add_parts(&mut digest, &[b"custom on a path", key.as_bytes(), &target]);
            }
            // It may be any.
            (Some(key), None) => {
                add_parts(&mut digest, &[b"custom of a body", key.as_bytes(), &target, &body]);
            }
        }
        let gateway = scopes::of_gateway(context.account(), context.gateway());
        CachePlace {
            key: CacheKey(digest.finalize().into()),
            gateway,
            provider: scopes::of_provider(gateway, context.provider().unwrap_or_default()),
            model: scopes::of_model(gateway, model.flatten().as_deref().unwrap_or_default()),
            custom: custom.map(|key| scopes::of_custom(gateway, &key)),
        }
    }
}

impl Model {
    /// As the gateway knows it, or to be read. `is_strict`: what was read of the beginning of a body is
    /// not enough, for a further `model` may follow.
    fn of(context: &GatewayContext, is_strict: bool) -> Self {
        let known = match is_strict {
            false => context.model(),
            true => {
                let routed = context.routed_model().map(Into::into);
                routed.or_else(|| context.model_in_path(None).map(Into::into))
            }
        };
        match known {
            Some(model) => Self::Known(model.into()),
            None => Self::Read(Box::new(ObjectScanner::new().wary(is_strict))),
        }
    }
}

fn decoded(scanner: &ObjectScanner) -> Option<Box<str>> {
    string::decode(&scanner.model()?.raw).map(String::into_boxed_str)
}

/// Where the settings of a gateway stand: two tenants of a host may have one id. Settings that stand
/// nowhere and that nobody has named are others in each process, so that no store mixes them up.
fn place_of_settings(settings: Option<&GatewaySettings>) -> [u8; 16] {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    let scope = settings.map_or(0, |settings| settings.scope);
    let process = if scope == 0 || is_named(scope) { 0 } else { *PROCESS };
    (u128::from(scope) << 64 | u128::from(process)).to_be_bytes()
}

/// Who is calling: the host's word for it, and the token that the gateway was shown. The keys for the
/// provider are among the headers, in every key, but for those in the query.
fn add_caller<B>(
    digest: &mut Sha256,
    request: &Request<B>,
    context: &GatewayContext,
    is_shared: bool,
) {
    // A key from below may depend on all of it.
    let identity = context.identity().filter(|_| !is_shared);
    add_option(digest, identity.map(|identity| identity.subject().as_bytes()));
    if let Some(identity) = identity {
        digest.update((identity.groups().len() as u64).to_be_bytes());
        identity.groups().for_each(|group| add_parts(digest, &[group.as_bytes()]));
        digest.update((identity.labels().len() as u64).to_be_bytes());
        for (name, value) in identity.labels() {
            add_parts(digest, &[name.as_bytes(), value.as_bytes()]);
        }
    }
    let token = context.token_digest().filter(|_| !is_shared);
    add_option(digest, token.map(<[u8; 32]>::as_slice));
    // Which of the keys below the gateway it is.
    add_option(digest, context.key_alias().map(str::as_bytes));
    let keys: Vec<_> =
        request.uri().query().into_iter().flat_map(credentials::keys_in_query).collect();
    digest.update((keys.len() as u64).to_be_bytes());
    for key in &keys {
        add_parts(digest, &[key]);
    }
}

/// In the order of their names, each with all of its values in their order. `is_custom`: the provider is
/// none that is built in, and may keep conversations by its headers.
fn add_headers(always: &mut Sha256, target: &mut Sha256, headers: &HeaderMap, is_custom: bool) {
    let is_added = |name: &str| !changes_nothing(name) || is_custom && is_of_session(name);
    let mut names: Vec<&HeaderName> =
        headers.keys().filter(|name| is_added(name.as_str())).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    for name in names {
        let digest =
            if name.as_str().starts_with("content-") { &mut *target } else { &mut *always };
        if *name == ACCEPT_ENCODING
            && let Some(codings) = accepted(headers)
        {
            add_parts(digest, &[b"accepted codings", codings.as_bytes()]);
            continue;
        }
        let values = headers.get_all(name);
        add_parts(digest, &[name.as_str().as_bytes()]);
        digest.update((values.iter().count() as u64).to_be_bytes());
        for value in values {
            add_parts(digest, &[value.as_bytes()]);
        }
    }
    // What is missing at the end is no part of what follows.
    add_parts(always, &[b""]);
    add_parts(target, &[b""]);
}

/// Headers that tell of the client's program, of one sending, of a trace or of a conversation. No
/// provider answers otherwise for them.
fn changes_nothing(name: &str) -> bool {
    matches!(
        name,
        "user-agent"
            | "host"
            | "content-length"
            | "expect"
            | "date"
            | "via"
            | "traceparent"
            | "tracestate"
            | "baggage"
            | "b3"
            | "x-request-id"
            | "request-id"
            | "x-client-request-id"
            | "x-correlation-id"
            | "x-amzn-trace-id"
            | "x-cloud-trace-context"
            | "idempotency-key"
            | "x-idempotency-key"
            | "x-stainless-arch"
            | "x-stainless-async"
            | "x-stainless-custom-poll-interval"
            | "x-stainless-helper"
            | "x-stainless-helper-method"
            | "x-stainless-lang"
            | "x-stainless-os"
            | "x-stainless-package-version"
            | "x-stainless-poll-helper"
            | "x-stainless-read-timeout"
            | "x-stainless-retry-count"
            | "x-stainless-runtime"
            | "x-stainless-runtime-version"
            | "x-stainless-timeout"
    ) || name.starts_with("x-b3-")
        || is_of_session(name)
}

/// No built-in provider answers by one of these.
fn is_of_session(name: &str) -> bool {
    matches!(
        name,
        "x-session-id"
            | "x-claude-code-session-id"
            | "session_id"
            | "session-id"
            | "x-session-affinity"
            | "x-grok-conv-id"
    )
}

/// Whether an answer that varies by this header of the request can be told from others.
pub(super) fn is_told_apart(name: &str) -> bool {
    name != "*" && !changes_nothing(&name.to_ascii_lowercase())
}

/// One that is not there is none that is empty.
fn add_option(digest: &mut Sha256, part: Option<&[u8]>) {
    digest.update([u8::from(part.is_some())]);
    add_parts(digest, &[part.unwrap_or_default()]);
}
