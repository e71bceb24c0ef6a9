//! Which limits apply to a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderValue, Request, Uri};

use super::acquiring::{Acquiring, Entry};
use super::error::ConcurrencyError;
use super::gate::{Gate, Gates};
use super::pool::{Permit, Permits, Pool};
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::control::bounded_map::BoundedMap;
use crate::credentials;
use crate::provider::Upstream;
use crate::settings::{ConcurrencyLimit, GatewaySettings, digest};
use crate::util::unwind;
use crate::util::unwind::Panicked;

/// A rule of the host: the name and limit of a request's pool, if it has one.
type Rule = Arc<dyn Fn(&Extensions) -> Option<(Box<str>, usize)> + Send + Sync>;

/// The configuration of a layer.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) all: Option<usize>,
    pub(super) rules: Vec<Rule>,
    pub(super) wait: Duration,
    pub(super) queue: usize,
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

/// The limits of a layer, and the pools that its services share.
#[derive(Clone, Debug)]
pub(in crate::control) struct Limiter {
    pub(super) limits: Limits,
    /// The pool of all requests.
    all: Arc<Pool>,
    keyed: Arc<BoundedMap<Pool>>,
}

/// How many empty pools are kept.
const KEPT: usize = 1024;

/// Which requests share a pool.
#[derive(Hash)]
enum GateKey<'a> {
    /// Requests of a gateway, by the scope of its settings.
    Gateway(u64),
    /// Requests of a gateway to one provider.
    Provider(u64, &'a str),
    /// Requests of a gateway with one credential, by its digest.
    Credential(u64, [u8; 32]),
    /// Requests that the host's rule of this index gives this name.
    Host(usize, &'a str),
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, all: Arc::default(), keyed: Arc::new(BoundedMap::growing(KEPT)) }
    }

    /// Acquires the permits of a request. `permit` is that of its credential, if it has it already.
    pub(in crate::control) fn acquire<B>(
        &self,
        request: &Request<B>,
        context: Option<&GatewayContext>,
        permit: Option<Permit>,
    ) -> Result<Entry, ConcurrencyError> {
        let gates = self.gates(request, context, permit.is_some());
        let mut permits = Permits::default();
        permit.into_iter().for_each(|permit| permits.push(permit));
        Acquiring::new(gates, permits, self.limits.queue).advance()
    }

    /// Returns false if no limit can apply to the request.
    pub(in crate::control) fn may_limit(&self, context: Option<&GatewayContext>) -> bool {
        let settings = context.and_then(GatewayContext::settings);
        self.limits.all.is_some()
            || !self.limits.rules.is_empty()
            || settings.is_some_and(|settings| !settings.concurrency.is_empty())
    }

    /// The limit of requests with one of several stored keys.
    pub(in crate::control) fn of_key(
        &self,
        context: &GatewayContext,
        key: &HeaderValue,
    ) -> Option<Gate> {
        let settings = context.settings()?;
        let limit = settings.concurrency.credential?;
        Some(self.gate(&GateKey::Credential(settings.scope, settings.keys.digest(key)), limit))
    }

    fn gate(
        &self,
        key: &GateKey<'_>,
        ConcurrencyLimit { limit, wait, .. }: ConcurrencyLimit,
    ) -> Gate {
        Gate { pool: self.pool(key), limit, wait }
    }

    fn pool(&self, key: &GateKey<'_>) -> Arc<Pool> {
        self.keyed.get(key, Pool::default)
    }

    /// The gates of a request, in the order to acquire them.
    ///
    /// The order is the same for all requests, so they cannot deadlock. It goes from narrow to
    /// wide, so a request that waits for its own kind holds no permit of others. With
    /// `has_credential`, the credential's gate is left out.
    fn gates<B>(
        &self,
        request: &Request<B>,
        context: Option<&GatewayContext>,
        has_credential: bool,
    ) -> Gates {
        let limits = &self.limits;
        let mut gates = Gates::default();
        if let Some(context) = context {
            self.push_of_gateway(&mut gates, context, request, has_credential);
        }
        for (number, rule) in limits.rules.iter().enumerate() {
            match unwind::call(|| rule(request.extensions())) {
                Ok(Some((name, limit))) => {
                    let pool = self.pool(&GateKey::Host(number, &name));
                    gates.push(Gate { pool, limit, wait: limits.wait });
                }
                Ok(None) => {}
                // The limit is unknown: refuse the request.
                Err(Panicked) => {
                    gates.push(Gate { pool: Arc::default(), limit: 0, wait: Duration::ZERO });
                }
            }
        }
        if let Some(limit) = limits.all {
            gates.push(Gate { pool: self.all.clone(), limit, wait: limits.wait });
        }
        gates
    }

    /// Adds the limits in the gateway's settings.
    fn push_of_gateway<B>(
        &self,
        gates: &mut Gates,
        context: &GatewayContext,
        request: &Request<B>,
        has_credential: bool,
    ) {
        let Some(settings) = context.settings() else { return };
        let limits = &settings.concurrency;
        if limits.is_empty() {
            return;
        }
        let Some(upstream) = context.upstream() else { return };
        context.acts(Actor::Limits);
        let scope = settings.scope;
        if let Some(limit) = limits.credential.filter(|_| !has_credential)
            && let Some(digest) = credential(settings, upstream, request.headers(), request.uri())
        {
            gates.push(self.gate(&GateKey::Credential(scope, digest), limit));
        }
        if let Some(limit) = limits.of_provider(upstream) {
            gates.push(self.gate(&GateKey::Provider(scope, upstream.slug()), limit));
        }
        if let Some(limit) = limits.gateway {
            gates.push(self.gate(&GateKey::Gateway(scope), limit));
        }
    }
}

/// The digest of a request's credential: in a header, or else in the query, where some providers
/// read it.
pub(in crate::control) fn credential(
    settings: &GatewaySettings,
    upstream: &Upstream,
    headers: &HeaderMap,
    uri: &Uri,
) -> Option<[u8; 32]> {
    let own = upstream.own_key_header().name();
    match credentials::sent(headers, own) {
        Some(key) => Some(settings.keys.digest(key)),
        None => Some(digest(&credentials::keys_in_query(uri.query()?).next()?)),
    }
}
