//! Whether the answer to a request is to be kept, and how.

use std::time::Duration;

use http::Request;

use crate::context::GatewayContext;
use crate::settings::cache::ReplayPace;

/// For how long where only the request asks for it.
const TTL: Duration = Duration::from_secs(300);

/// The longest body of a request or an answer.
const MOST_BYTES: u64 = 25 << 20;

/// What the cache is to do with a request.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// Nothing, and nothing is said of it: nobody has asked for a cache.
    Nothing,
    /// Nothing, though somebody has asked: the client gets `BYPASS`.
    Bypass,
    /// To look for its answer, and to keep it.
    Keep(Box<Policy>),
}

/// How an answer is to be kept.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) fresh_for: Duration,
    pub(super) stale_for: Duration,
    pub(super) is_shared: bool,
    pub(super) pace: ReplayPace,
    pub(super) most_request_bytes: u64,
    pub(super) most_response_bytes: u64,
    /// Of success; empty for all of them.
    pub(super) statuses: Vec<u16>,
    /// The client's `cf-aig-cache-key`.
    pub(super) custom: Option<Box<str>>,
}

/// What a gateway and a request say together.
pub(super) fn asked<B>(request: &Request<B>, context: &GatewayContext) -> Asked {
    let _ = request;
    let directives = context.directives();
    let settings = context.settings().and_then(|settings| settings.cache.as_deref());
    let custom = directives.and_then(|directives| directives.cache_key.clone());
    if custom.is_none() && settings.is_none_or(|settings| settings.ttl.is_none()) {
        return Asked::Nothing;
    }
    let ttl = directives.and_then(|directives| directives.cache_ttl);
    let fresh_for = ttl.or_else(|| settings?.ttl).unwrap_or(TTL);
    let skips = directives.is_some_and(|directives| directives.skip_cache == Some(true));
    if skips || fresh_for.is_zero() || !context.is_call() {
        return Asked::Bypass;
    }
    Asked::Keep(Box::new(Policy {
        fresh_for,
        stale_for: settings.map(|settings| settings.stale_if_error).unwrap_or_default(),
        is_shared: settings.is_some_and(|settings| settings.is_shared),
        pace: settings.map(|settings| settings.pace).unwrap_or_default(),
        most_request_bytes: MOST_BYTES,
        most_response_bytes: MOST_BYTES,
        statuses: Vec::new(),
        custom,
    }))
}
