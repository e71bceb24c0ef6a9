//! The cache key of a request: a digest of everything that can change the response.
//!
//! Everything that goes to the provider is in the key, except headers that are known to change no response.
//! So an unknown header separates entries, too.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use http::Request;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use super::asked::Policy;
use super::lines::{Headers, is_of_content};
use super::members::{Members, Model};
use super::parts::Parts;
use super::recent_scopes::{Names, Scopes};
pub use super::scopes::CacheScope;
use super::{repeatable, scopes};
use crate::context::GatewayContext;
use crate::credentials;
use crate::json::object::Stream;
use crate::settings::{GatewaySettings, is_named};
use crate::util::hex;

/// A digest of everything that can change a response: 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(pub [u8; 32]);

/// Where an entry is stored: its key, and the scopes that a purge can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePlace {
    /// The key for lookups.
    pub key: CacheKey,
    /// The account and the gateway. A store may keep entries with the same value together.
    pub gateway: CacheScope,
    /// The provider within the gateway.
    pub provider: CacheScope,
    /// The model within the gateway.
    pub model: CacheScope,
    /// The custom key within the gateway, if the request has one.
    pub custom: Option<CacheScope>,
}

/// Shows the first 16 hexadecimal digits.
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

/// Computes the key: from the head of a request first, then from its body as it arrives.
pub(super) struct KeyMaker {
    /// Gateway, provider, caller, method and headers. Without a custom key also path, query and body.
    digest: Sha256,
    custom: Option<Box<Custom>>,
    members: Members,
    /// Whether the body is compressed, so that its members cannot be read.
    has_coding: bool,
    takes_only_json: bool,
}

/// A client's custom key, and what it replaces.
struct Custom {
    key: Box<str>,
    /// Path, query, and the `content-*` headers.
    target: [u8; 32],
    body: Sha256,
}

impl KeyMaker {
    pub(super) fn new<B>(request: &Request<B>, context: &GatewayContext, policy: &Policy) -> Self {
        let headers = Headers::of(request, context);
        let kind = if policy.custom.is_some() { "custom" } else { "computed" };
        let mut parts = Parts::new("tower-ai-gateway/cache/3");
        parts.add(kind.as_bytes());
        add_gateway(&mut parts, request, context);
        add_caller(&mut parts, request, context, policy.is_shared);
        headers.add(&mut parts, |name| !is_of_content(name));
        let members = Members::of(content_type(&headers));
        let custom = match &policy.custom {
            None => {
                add_target(&mut parts, request, &headers, is_of_content);
                None
            }
            Some(key) => {
                let mut target = Parts::new("target");
                let is_form = members.is_form();
                add_target(&mut target, request, &headers, |name| {
                    is_of_content(name) && !(is_form && name == CONTENT_TYPE.as_str())
                });
                let (key, target, body) = (key.clone(), target.finish(), Sha256::new());
                Some(Box::new(Custom { key, target, body }))
            }
        };
        Self {
            digest: parts.digest(),
            custom,
            members,
            has_coding: headers.all(CONTENT_ENCODING).next().is_some(),
            takes_only_json: repeatable::takes_only_json(context.operation()),
        }
    }

    /// Adds the next bytes of the body.
    pub(super) fn push(&mut self, data: &[u8]) {
        match &mut self.custom {
            None => self.digest.update(data),
            Some(custom) => custom.body.update(data),
        }
        self.members.push(data);
    }

    /// Whether the cache may serve a request with this body, after its end: not if the body refers to state
    /// at the provider, or cannot be read.
    pub(super) fn is_clean(&self) -> bool {
        !self.has_coding && self.members.is_clean(!self.takes_only_json)
    }

    /// `context`: that of the same request.
    pub(super) fn finish(&mut self, context: &GatewayContext) -> CachePlace {
        let Self { digest, custom, members, .. } = self;
        let custom = custom.take();
        let known = known_model(context, custom.is_some());
        let model = known.map_or_else(|| members.model(), Model::Named);
        let names = Names {
            account: context.account(),
            gateway: context.gateway(),
            provider: context.provider().unwrap_or_default(),
            model: model.name().unwrap_or_default(),
        };
        let Scopes { gateway, provider, model: of_model } = names.scopes();
        let stream = members.stream();
        // A malformed form may name another model than the path.
        let is_form_read = !members.is_form() || members.model() != Model::Ambiguous;
        let is_read = is_form_read && stream != Stream::Unclear;
        let custom = custom.map(|custom| {
            let Custom { key, target, body } = *custom;
            // The same custom key may be used for several operations, with and without streaming.
            let mut parts = Parts::new(context.operation().as_str());
            parts.count(stream as usize);
            parts.add(key.as_bytes());
            // As the request names the model, so that no response of another model is served.
            parts.add_option(model.name().map(str::as_bytes));
            match model {
                // A path that names the model also sets the format of the response.
                Model::Named(_) if is_read && context.model_in_path(None).is_none() => {}
                // The path may name the model.
                Model::Named(_) | Model::None if is_read => parts.add(&target),
                // The model is unknown, or the kind of the response, so everything is added.
                _ => {
                    parts.add(&target);
                    parts.add(&body.finalize());
                }
            }
            digest.update(parts.finish());
            scopes::of_custom(gateway, &key)
        });
        CachePlace {
            key: CacheKey(digest.finalize_reset().into()),
            gateway,
            provider,
            model: of_model,
            custom,
        }
    }
}

/// The model, if the gateway knows it. `is_strict`: a model from the beginning of the body does not count,
/// because another `model` may follow.
fn known_model(context: &GatewayContext, is_strict: bool) -> Option<Cow<'_, str>> {
    if !is_strict {
        return context.model();
    }
    let routed = context.routed_model().map(Cow::Borrowed);
    routed.or_else(|| context.model_in_path(None).map(Cow::Owned))
}

/// The gateway and the upstream, without the path.
fn add_gateway<B>(parts: &mut Parts, request: &Request<B>, context: &GatewayContext) {
    let (uri, upstream) = (request.uri(), context.upstream());
    parts.add_option(context.account().map(str::as_bytes));
    parts.add(context.gateway().as_bytes());
    parts.add(&place_of_settings(context.settings()));
    parts.add(upstream.map_or("", |upstream| upstream.slug()).as_bytes());
    parts.add(upstream.map_or("", |upstream| upstream.origin().base()).as_bytes());
    parts.add(uri.scheme_str().unwrap_or_default().as_bytes());
    parts.add(uri.authority().map_or("", |authority| authority.as_str()).as_bytes());
    parts.add(request.method().as_str().as_bytes());
}

/// The `content-type`, if there is exactly one.
fn content_type<'a>(headers: &Headers<'a>) -> Option<&'a [u8]> {
    let mut lines = headers.all(CONTENT_TYPE);
    let line = lines.next()?;
    lines.next().is_none().then(|| line.as_bytes())
}

/// The path, the query, and the `content-*` headers for which `is_added` holds.
fn add_target<B>(
    parts: &mut Parts,
    request: &Request<B>,
    headers: &Headers<'_>,
    is_added: impl Fn(&str) -> bool,
) {
    parts.add(request.uri().path().as_bytes());
    parts.add_option(request.uri().query().map(str::as_bytes));
    headers.add(parts, is_added);
}

/// The scope of the settings, because two tenants of a host may use the same gateway id. Unnamed settings
/// outside of a table differ in each process, so that no shared store mixes them up.
fn place_of_settings(settings: Option<&GatewaySettings>) -> [u8; 16] {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    let scope = settings.map_or(0, |settings| settings.scope);
    let process = if scope == 0 || is_named(scope) { 0 } else { *PROCESS };
    (u128::from(scope) << 64 | u128::from(process)).to_be_bytes()
}

/// The caller: the identity from the host, and the gateway token. Provider keys in headers are always in
/// the key, as headers; those in the query are added here.
fn add_caller<B>(
    parts: &mut Parts,
    request: &Request<B>,
    context: &GatewayContext,
    is_shared: bool,
) {
    // A layer below may choose the provider key by any part of the identity.
    let identity = context.identity().filter(|_| !is_shared);
    parts.add_option(identity.map(|identity| identity.subject().as_bytes()));
    if let Some(identity) = identity {
        parts.count(identity.groups().len());
        identity.groups().for_each(|group| parts.add(group.as_bytes()));
        parts.count(identity.labels().len());
        for (name, value) in identity.labels() {
            parts.add(name.as_bytes());
            parts.add(value.as_bytes());
        }
    }
    let token = context.token_digest().filter(|_| !is_shared);
    parts.add_option(token.map(<[u8; 32]>::as_slice));
    // Which stored provider key is used.
    parts.add_option(context.key_alias().map(str::as_bytes));
    let query = request.uri().query();
    for key in query.into_iter().flat_map(credentials::keys_in_query) {
        parts.add_option(Some(&key));
    }
    parts.add_option(None);
}
