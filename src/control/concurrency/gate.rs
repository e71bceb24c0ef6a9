//! Which limits a request is under.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, Uri};

use crate::context::GatewayContext;
use crate::control::list::SmallList;
use crate::control::shared_keys::shared_keys;
use crate::credentials;
use crate::settings::{self, ConcurrencyLimit};

/// One limit that a request is under.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) key: GateKey,
    /// How many may be inside at once.
    pub(crate) limit: usize,
    /// How long one may wait to get in, counted from the call.
    pub(crate) wait: Duration,
}

/// Whose requests share a pool.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum GateKey {
    /// All those of a layer.
    All,
    /// Those of a gateway: of an account, where there is one.
    Gateway(Box<str>, Box<str>),
    /// Those of a gateway to one provider.
    Provider(Box<str>, Box<str>, Box<str>),
    /// Those of a gateway with one credential, known by its digest.
    Credential(Box<str>, Box<str>, [u8; 32]),
    /// Those to which the host's rule of this number gives this name.
    Host(usize, Box<str>),
}

// Names are the host's: they may be secrets.
impl fmt::Debug for GateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("All"),
            Self::Gateway(..) => f.write_str("Gateway"),
            Self::Provider(_, _, slug) => f.debug_tuple("Provider").field(slug).finish(),
            Self::Credential(..) => f.write_str("Credential"),
            Self::Host(rule, _) => f.debug_tuple("Host").field(rule).finish_non_exhaustive(),
        }
    }
}

/// A rule of the host's: the name and the limit of a request's pool, where there is one.
type Rule = Arc<dyn Fn(&Extensions) -> Option<(Box<str>, usize)> + Send + Sync>;

/// What a layer was made with.
#[derive(Clone)]
pub(crate) struct Limits {
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
pub(crate) fn gates_of(
    extensions: &Extensions,
    headers: &HeaderMap,
    uri: &Uri,
    explicit: &Limits,
) -> SmallList<Gate> {
    let mut gates = SmallList::default();
    if let Some(context) = extensions.get::<GatewayContext>() {
        push_of_gateway(&mut gates, context, headers, uri, explicit.shares_keys);
    }
    for (number, rule) in explicit.rules.iter().enumerate() {
        if let Some((name, limit)) = rule(extensions) {
            gates.push(Gate { key: GateKey::Host(number, name), limit, wait: explicit.wait });
        }
    }
    if let Some(limit) = explicit.all {
        gates.push(Gate { key: GateKey::All, limit, wait: explicit.wait });
    }
    gates
}

/// The limits in the settings of a gateway.
fn push_of_gateway(
    gates: &mut SmallList<Gate>,
    context: &GatewayContext,
    headers: &HeaderMap,
    uri: &Uri,
    shares_keys: bool,
) {
    let Some(limits) = context.settings().map(|settings| &settings.concurrency) else { return };
    let Some(upstream) = context.upstream() else { return };
    let (account, gateway) = (context.account().unwrap_or_default(), context.gateway());
    let mut push = |key, ConcurrencyLimit { limit, wait, .. }| {
        gates.push(Gate { key, limit, wait });
    };
    if let Some(mut limit) = limits.credential
        && let Some(key) =
            credentials::sent(headers, upstream).map(|key| key.as_bytes()).or_else(|| in_query(uri))
    {
        if shares_keys && let Some((_, keys)) = shared_keys(context, headers) {
            // The first stands for all of them here.
            limit.limit = limit.limit.saturating_mul(keys.count());
        }
        let digest = settings::digest(key);
        push(GateKey::Credential(account.into(), gateway.into(), digest), limit);
    }
    if let Some(limit) = limits.of_provider(upstream) {
        push(GateKey::Provider(account.into(), gateway.into(), upstream.slug().into()), limit);
    }
    if let Some(limit) = limits.gateway {
        push(GateKey::Gateway(account.into(), gateway.into()), limit);
    }
}

/// A key in the query, where some providers read it.
fn in_query(uri: &Uri) -> Option<&[u8]> {
    let key = uri.query()?.split('&').find(|pair| pair.starts_with("key="))?;
    Some(key.as_bytes())
}
