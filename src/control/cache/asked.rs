//! The policy of a request: whether its response may be stored, for how long, and for whom.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};

use super::repeatable;
use crate::context::GatewayContext;
use crate::credentials;
use crate::directives::pattern::hides_a_model;
use crate::settings::cache::{CacheRule, CacheSettings, MOST_BYTES, ReplayPace};
use crate::util::opaque::opaque_debug;

/// The TTL if only the request asks for the cache.
const TTL: Duration = Duration::from_secs(300);

/// What the cache does with a request.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// Nothing: the cache is not asked for, and the response has no cache status.
    Nothing,
    /// Nothing, although the cache is asked for: the response has the status `BYPASS`.
    Bypass,
    /// Looks up the entry, and stores the response on a miss.
    Keep(Arc<Policy>),
}

/// How a response is stored.
#[derive(Clone)]
pub(in crate::control) struct Policy {
    pub(super) fresh_for: Duration,
    /// How much longer an entry may be served if the provider fails.
    pub(super) stale_for: Duration,
    pub(super) is_shared: bool,
    pub(super) pace: ReplayPace,
    pub(super) most_request_bytes: u64,
    pub(super) most_response_bytes: u64,
    /// The statuses that are stored; empty: every status that can be.
    pub(super) statuses: Vec<u16>,
    /// The client's `cf-aig-cache-key`.
    pub(super) custom: Option<Box<str>>,
}

/// Combines what the gateway and the request ask for. Nearly free if neither asks.
pub(super) fn asked<B>(request: &Request<B>, context: &GatewayContext) -> Asked {
    let settings = context.settings().and_then(|settings| settings.cache.as_deref());
    let custom = context.directives().and_then(|directives| directives.cache_key.as_deref());
    if settings.is_none() && custom.is_none() {
        return Asked::Nothing;
    }
    asked_by(request, context, settings, custom)
}

fn asked_by<B>(
    request: &Request<B>,
    context: &GatewayContext,
    settings: Option<&CacheSettings>,
    custom: Option<&str>,
) -> Asked {
    let rule = settings.and_then(|settings| rule_for(settings, context));
    let of_gateway = rule.map(|rule| rule.ttl).or_else(|| settings?.ttl);
    let never = rule.is_some_and(CacheRule::is_never);
    if custom.is_none() && (of_gateway.is_none() || never && settings.is_none_or(is_on_request)) {
        return Asked::Nothing;
    }
    let directives = context.directives();
    let ttl = directives.and_then(|directives| directives.cache_ttl);
    let fresh_for = ttl.or(of_gateway).unwrap_or(TTL);
    let skips = directives.is_some_and(|directives| directives.skip_cache == Some(true));
    // The request overrides its gateway, except for `never`.
    let is_off = never || skips || fresh_for.is_zero();
    let shares = settings.is_some_and(|settings| settings.is_shared);
    let has_key_below = gets_key_below(request, context);
    // A caller chooses its custom key, and could choose one that finds another caller's entry.
    let is_shared = shares && !has_key_below && custom.is_none();
    // If entries are shared, a token suffices, even if provider keys come from a layer below.
    let is_known_by_token = context.token_digest().is_some() && (shares || !has_key_below);
    if is_off
        || *request.method() != Method::POST
        || !repeatable::is_repeatable(context.operation(), context.call_path())
        || repeatable::is_queued(request.uri().query())
        || !(is_shared || is_known_by_token || may_tell_caller(request, context))
    {
        return Asked::Bypass;
    }
    let bytes = |of_rule: fn(&CacheRule) -> Option<u64>| rule.and_then(of_rule);
    Asked::Keep(Arc::new(Policy {
        fresh_for,
        stale_for: settings.map(|settings| settings.stale_if_error).unwrap_or_default(),
        is_shared,
        pace: settings.map(|settings| settings.pace).unwrap_or_default(),
        most_request_bytes: bytes(|rule| rule.max_request_bytes).unwrap_or(MOST_BYTES),
        most_response_bytes: bytes(|rule| rule.max_response_bytes).unwrap_or(MOST_BYTES),
        statuses: rule.map(|rule| rule.statuses.clone()).unwrap_or_default(),
        custom: custom.map(Into::into),
    }))
}

fn is_on_request(settings: &CacheSettings) -> bool {
    settings.ttl.is_none()
}

/// Whether the caller is known: by its identity, or by a provider key that it sent.
fn may_tell_caller<B>(request: &Request<B>, context: &GatewayContext) -> bool {
    context.identity().is_some()
        || context.has_credentials()
        || is_key_of_client(request, context)
        || request.uri().query().is_some_and(|query| credentials::keys_in_query(query).count() > 0)
}

/// Whether the provider key in the headers can only be the client's. So it is in an entry of a universal
/// request if the gateway stores no keys.
fn is_key_of_client<B>(request: &Request<B>, context: &GatewayContext) -> bool {
    context.current().is_some_and(|step| step.entry.is_some())
        && context.settings().is_none_or(|settings| settings.keys.is_empty())
        && has_key(request, context)
}

/// Whether the provider key may come from a layer below, which may have one for each caller. A gateway
/// without settings may have such a layer, too.
fn gets_key_below<B>(request: &Request<B>, context: &GatewayContext) -> bool {
    let takes = context.settings().is_none_or(|settings| settings.takes_keys_from_layer);
    takes && !has_key(request, context)
}

/// Whether the headers have a provider key, from whatever source.
fn has_key<B>(request: &Request<B>, context: &GatewayContext) -> bool {
    context.upstream().is_some_and(|upstream| {
        let header = upstream.key_header(context.way(), context.provider_path());
        credentials::sent(request.headers(), header.name()).is_some()
    })
}

/// The first rule that matches the request.
fn rule_for<'s>(settings: &'s CacheSettings, context: &GatewayContext) -> Option<&'s CacheRule> {
    let model = settings.goes_by_model().then(|| model(context)).flatten();
    let path = context.call_path();
    settings.rules.iter().find(|rule| rule.is_for(model.as_deref(), path))
}

/// The model, as far as it is known before the body is read to its end.
fn model(context: &GatewayContext) -> Option<Cow<'_, str>> {
    // A name that leaves the choice to the provider may stand for any model.
    context.model().filter(|model| !hides_a_model(model))
}

// The custom key may contain user data.
opaque_debug!(Policy { fresh_for, stale_for, is_shared, pace, statuses });
