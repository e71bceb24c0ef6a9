//! The state of upstreams and keys, shared by all services of a layer.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use http::{Request, Uri};
use tokio::time::Instant;

use super::account::Account;
use super::change::{Listener, Observer, Subject};
use super::permit::Breaker;
use super::settings::{BreakerSettings, CoolDownSettings};
use super::tracked::Target;
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::control::balance::{Candidate, Choice, Choices, stored_keys};
use crate::control::bounded_map::BoundedMap;
use crate::control::concurrency::Limiter;
use crate::control::pins::Pins;
use crate::control::wide_hash::WideHasher;
use crate::credentials::{CREDENTIALS, bare, keys_in_query};
use crate::provider::Upstream;

/// The shared state of a layer; its settings can be replaced.
#[derive(Clone, Debug, Default)]
pub(in crate::control) struct Handle(Arc<RwLock<Shared>>);

impl Handle {
    pub(super) fn new(config: Config) -> Self {
        Self(Arc::new(RwLock::new(Shared { config, ..Shared::default() })))
    }

    /// Drop the guard before calling foreign code.
    pub(in crate::control) fn read(&self) -> RwLockReadGuard<'_, Shared> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reconfigure(
        &self,
        breaker: Option<BreakerSettings>,
        cool_down: Option<CoolDownSettings>,
    ) {
        let mut shared = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = (shared.config.breaker != breaker)
            .then(|| std::mem::replace(&mut shared.upstreams, BoundedMap::strict(KEPT)));
        shared.config.breaker = breaker;
        shared.config.cool_down = cool_down;
        drop(shared);
        // Not under the lock: observers are foreign code.
        let now = Instant::now();
        old.into_iter().flat_map(BoundedMap::into_values).for_each(|breaker| breaker.retire(now));
    }
}

#[derive(Debug)]
pub(in crate::control) struct Shared {
    pub(super) config: Config,
    upstreams: BoundedMap<Breaker>,
    /// Those of the host's own keys.
    accounts: BoundedMap<Account>,
    /// Those of the keys that clients bring: made-up ones must not push out the host's own.
    client_accounts: BoundedMap<Account>,
    /// The load of all keys together, per upstream.
    loads: BoundedMap<Account>,
    /// Which key and base URL created the responses that providers store.
    pub(in crate::control) pins: Arc<Pins>,
}

/// How many upstreams and accounts of each kind are kept.
const KEPT: usize = 4096;

impl Default for Shared {
    fn default() -> Self {
        let accounts = || BoundedMap::strict(KEPT);
        Self {
            config: Config::default(),
            upstreams: BoundedMap::strict(KEPT),
            accounts: accounts(),
            client_accounts: accounts(),
            loads: accounts(),
            pins: Arc::default(),
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Config {
    pub(super) breaker: Option<BreakerSettings>,
    pub(super) cool_down: Option<CoolDownSettings>,
    pub(super) observer: Option<Observer>,
}

impl Shared {
    /// The targets of a request: the one it names, or several base URLs and keys to choose from.
    pub(in crate::control) fn candidates<B>(
        &self,
        request: &Request<B>,
        context: Option<&GatewayContext>,
        limiter: Option<&Limiter>,
    ) -> Candidates {
        let several = context.filter(|context| context.has_several_targets());
        if let Some(context) = several {
            context.acts(Actor::Choice);
        }
        if let Some((context, choices)) =
            several.and_then(|context| Some((context, Choices::of(context, request)?)))
        {
            let now = Instant::now();
            let candidate = |choice: Choice<'_>| Candidate {
                target: self.target_of(&choice, context, request, now),
                gate: choice.key.and_then(|key| limiter?.of_key(context, key)),
                weight: choice.weight,
                id: choice.id,
            };
            let all = choices.each().map(candidate).collect();
            return Candidates::Several(all, choices, now);
        }
        if self.config.breaker.is_none() && self.config.cool_down.is_none() {
            return Candidates::Unwatched;
        }
        let place = context.and_then(|context| place(context, request.uri()));
        let place = place.unwrap_or_else(|| upstream(request.uri()));
        let now = Instant::now();
        let cools = self.config.cool_down.is_some();
        let account = cools.then(|| self.account_of(place, request, context));
        let target = self.target(place, account, None, context, now);
        Candidates::One(Target { is_alone: true, ..target }, now)
    }

    /// A target whose load is compared with the others'.
    fn target_of<B>(
        &self,
        choice: &Choice<'_>,
        context: &GatewayContext,
        request: &Request<B>,
        now: Instant,
    ) -> Target {
        let place = (choice.upstream.slug(), choice.origin.base());
        let (account, load) = match choice.key {
            Some(key) => {
                let key = bare(key.as_bytes());
                (Some(self.account(&self.accounts, place, std::iter::once(key.into()))), None)
            }
            // A key has its own cool-down; base URLs are compared by the load of all keys.
            None => {
                let cools = self.config.cool_down.is_some();
                let own = cools.then(|| self.account_of(place, request, Some(context)));
                (own, Some(self.loads.get(&place, Account::default)))
            }
        };
        self.target(place, account, load, Some(context), now)
    }

    fn target(
        &self,
        place: (&str, &str),
        account: Option<Arc<Account>>,
        load: Option<Arc<Account>>,
        context: Option<&GatewayContext>,
        now: Instant,
    ) -> Target {
        let breaker = self.breaker(place, now);
        let cool_down = self.config.cool_down;
        let gateway = self.listener(context);
        Target { breaker, account, load, cool_down, is_alone: false, gateway }
    }

    fn breaker(&self, place: (&str, &str), now: Instant) -> Option<Arc<Breaker>> {
        let settings = self.config.breaker?;
        let make = || Breaker::new(self.subject(place), settings, now);
        Some(self.upstreams.get(&place, make))
    }

    /// The account of a request's key.
    fn account_of<B>(
        &self,
        place: (&str, &str),
        request: &Request<B>,
        context: Option<&GatewayContext>,
    ) -> Arc<Account> {
        let headers = request.headers();
        let stored = context.and_then(|context| stored_keys(context, headers));
        if let Some(key) = stored.and_then(|(header, _)| headers.get(header.name())) {
            // Whatever else the client has sent.
            let key = bare(key.as_bytes()).into();
            return self.account(&self.accounts, place, std::iter::once(key));
        }
        let upstream = context.and_then(GatewayContext::upstream).map(|upstream| &**upstream);
        let mut keys = credentials(request, upstream).peekable();
        let is_clients = context.is_some() && keys.peek().is_some();
        let map = if is_clients { &self.client_accounts } else { &self.accounts };
        self.account(map, place, keys)
    }

    fn account<'a>(
        &self,
        map: &BoundedMap<Account>,
        place: (&str, &str),
        keys: impl Iterator<Item = Cow<'a, [u8]>>,
    ) -> Arc<Account> {
        let hash = |hasher: &mut WideHasher| {
            place.hash(hasher);
            keys.for_each(|key| key.hash(hasher));
        };
        map.get_by(hash, || Account::new(self.subject(place)))
    }

    fn subject(&self, (scope, base): (&str, &str)) -> Subject {
        // Under a gateway the scope is a provider, and the base has a scheme.
        let provider = base.contains("://").then(|| scope.into());
        let upstream = match provider {
            Some(_) => base.into(),
            None => format!("{scope}://{base}").into(),
        };
        Subject { provider, upstream, observer: self.config.observer.clone() }
    }

    /// The gateway to notify of changes, if there can be any.
    fn listener(&self, context: Option<&GatewayContext>) -> Listener {
        let has_state = self.config.breaker.is_some() || self.config.cool_down.is_some();
        context.filter(|_| has_state)?.observation()
    }
}

/// What a request may use, with the current state of each.
pub(in crate::control) enum Candidates {
    /// A single target, without health tracking.
    Unwatched,
    One(Target, Instant),
    Several(Vec<Candidate>, Choices, Instant),
}

/// The provider and base URL of a request, if it goes there.
fn place<'a>(context: &'a GatewayContext, uri: &Uri) -> Option<(&'a str, &'a str)> {
    let upstream = context.upstream()?;
    let origin = upstream.origin();
    origin.is_of(uri).then(|| (upstream.slug(), origin.base()))
}

/// The scheme and the authority without userinfo. For a client that gets only paths there is one
/// upstream.
fn upstream(uri: &Uri) -> (&str, &str) {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (uri.scheme_str().unwrap_or_default(), host)
}

/// All keys of a request. `upstream`: a custom provider may have its own key header.
pub(in crate::control) fn credentials<'a, B>(
    request: &'a Request<B>,
    upstream: Option<&'a Upstream>,
) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let own = upstream.map(|upstream| upstream.own_key_header().name());
    let own = own.filter(|name| !CREDENTIALS.contains(name));
    let names = CREDENTIALS.iter().chain(own);
    let headers = names.flat_map(|name| request.headers().get_all(name));
    let query = request.uri().query().unwrap_or_default();
    let keys = keys_in_query(query).map(Cow::Owned);
    headers.map(|value| Cow::Borrowed(bare(value.as_bytes()))).chain(keys)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("breaker", &self.breaker)
            .field("cool_down", &self.cool_down)
            .field("is_observed", &self.observer.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_key_in_the_query_makes_another_account_of_it() {
        let account = |query: &str| {
            let request = Request::get(format!("https://a/x?{query}")).body(()).unwrap();
            credentials(&request, None).map(Cow::into_owned).collect::<Vec<_>>()
        };
        for same in ["%6bey=x", "a=b&k%65y=%78", "key=%78&c"] {
            assert!(account(same) == account("key=x"), "{same}");
        }
        assert!(account("key=y") != account("key=x") && account("") != account("key=x"));
    }
}
