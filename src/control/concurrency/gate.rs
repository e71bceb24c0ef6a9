//! Which limits a request is under.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, Uri};

use super::key::GateKey;
use super::pool::Pool;
use super::pools::Pools;
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::control::list::SmallList;
use crate::control::shared_keys::shared_keys;
use crate::credentials;
use crate::provider::Upstream;
use crate::settings::{ConcurrencyLimit, GatewaySettings, digest};
use crate::util::unwind;
use crate::util::unwind::Panicked;

/// One limit that a request is under.
#[derive(Debug)]
pub(super) struct Gate {
    /// Who is inside, and who waits.
    pub(super) pool: Arc<Pool>,
    /// How many may be inside at once.
    pub(super) limit: usize,
    /// How long one may wait to get in, counted from the call.
    pub(super) wait: Duration,
}

/// Those of a request: of its credential, its provider and its gateway.
pub(super) type Gates = SmallList<Gate, 3>;

/// A rule of the host's: the name and the limit of a request's pool, where there is one.
type Rule = Arc<dyn Fn(&Extensions) -> Option<(Box<str>, usize)> + Send + Sync>;

/// What a layer was made with.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) all: Option<usize>,
    pub(super) rules: Vec<Rule>,
    pub(super) wait: Duration,
    pub(super) queue: usize,
    /// A layer below shares the load among the stored keys of an alias, and keeps each to its limit.
    pub(super) shares_keys: bool,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("all", &self.all)
            .field("rules", &self.rules.len())
            .field("wait", &self.wait)
            .field("queue", &self.queue)
            .finish()
    }
}

/// The gates of a request, in the order in which they are taken.
///
/// That order is the same for all requests, so that no two wait for each other; and it goes from
/// the narrow to the wide, so that whoever waits for its own kind holds no place of the others.
pub(super) fn gates_of(
    extensions: &Extensions,
    headers: &HeaderMap,
    uri: &Uri,
    explicit: &Limits,
    pools: &Pools,
) -> Gates {
    let mut gates = Gates::default();
    if let Some(context) = extensions.get::<GatewayContext>() {
        push_of_gateway(&mut gates, context, headers, uri, explicit.shares_keys, pools);
    }
    for (number, rule) in explicit.rules.iter().enumerate() {
        match unwind::call(|| rule(extensions)) {
            Ok(Some((name, limit))) => {
                let pool = pools.pool(GateKey::Host(number, &name));
                gates.push(Gate { pool, limit, wait: explicit.wait });
            }
            Ok(None) => {}
            // Nobody knows the limit: the request is refused.
            Err(Panicked) => {
                gates.push(Gate { pool: Arc::default(), limit: 0, wait: Duration::ZERO });
            }
        }
    }
    if let Some(limit) = explicit.all {
        gates.push(Gate { pool: pools.all().clone(), limit, wait: explicit.wait });
    }
    gates
}

/// The limits in the settings of a gateway.
fn push_of_gateway(
    gates: &mut Gates,
    context: &GatewayContext,
    headers: &HeaderMap,
    uri: &Uri,
    shares_keys: bool,
    pools: &Pools,
) {
    let Some(settings) = context.settings() else { return };
    let Some(upstream) = context.upstream() else { return };
    let limits = &settings.concurrency;
    if limits.is_empty() {
        return;
    }
    context.acts(Actor::Limits);
    let scope = settings.scope;
    let mut push = |key: GateKey<&str>, ConcurrencyLimit { limit, wait, .. }| {
        gates.push(Gate { pool: pools.pool(key), limit, wait });
    };
    if let Some(mut limit) = limits.credential
        && let Some(digest) = credential(settings, upstream, headers, uri)
    {
        if shares_keys && let Some((_, keys)) = shared_keys(context, headers) {
            // The first stands for all of them here.
            limit.limit = limit.limit.saturating_mul(keys.count());
        }
        push(GateKey::Credential(scope, digest), limit);
    }
    if let Some(limit) = limits.of_provider(upstream) {
        push(GateKey::Provider(scope, upstream.slug()), limit);
    }
    if let Some(limit) = limits.gateway {
        push(GateKey::Gateway(scope), limit);
    }
}

/// The digest of the credential that a request is sent with: in a header, or else in the query,
/// where some providers read it.
fn credential(
    settings: &GatewaySettings,
    upstream: &Upstream,
    headers: &HeaderMap,
    uri: &Uri,
) -> Option<[u8; 32]> {
    match credentials::sent(headers, upstream) {
        Some(key) => Some(settings.keys.digest(key)),
        None => Some(digest(&credentials::keys_in_query(uri.query()?).next()?)),
    }
}
