//! The base URLs and keys among which a request of a gateway can choose.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderValue, Request};

use crate::context::GatewayContext;
use crate::provider::{KeyHeader, Origin, Upstream};
use crate::secret::Secret;

/// All base URLs of a provider, each with all stored keys that stand for the one that a request was
/// given.
pub(super) struct Choices {
    context: GatewayContext,
    upstream: Arc<Upstream>,
    /// Where the key goes; `None` where the request's own is not to be touched.
    key_header: Option<KeyHeader>,
    alias: Option<Box<str>>,
}

/// One of them.
pub(super) struct Choice<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) origin: &'a Origin,
    key: Option<&'a Secret>,
    pub(super) weight: u32,
}

impl Choice<'_> {
    pub(super) fn key_bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.key.map(|key| key.plain().as_bytes()).into_iter()
    }
}

impl Choices {
    /// `None` where there is nothing to choose.
    pub(super) fn of<B>(context: &GatewayContext, request: &Request<B>) -> Option<Self> {
        let upstream = context.upstream()?;
        if !upstream.origin().is_of(request.uri()) {
            return None;
        }
        let alias = context.key_alias();
        let stored = || context.settings().into_iter().flat_map(|s| s.keys.of(upstream, alias));
        let several_keys = stored().nth(1).is_some();
        if upstream.origins().nth(1).is_none() && !several_keys {
            return None;
        }
        // Only a key that the gateway has put there is the gateway's to exchange.
        let key_header = stored().next().filter(|_| several_keys).and_then(|first| {
            let header = upstream.key_headers().find(|header| {
                request.headers().get(header.name()) == Some(header.value(&first.secret))
            });
            header.cloned()
        });
        let alias = alias.map(Box::from);
        Some(Self { context: context.clone(), upstream: upstream.clone(), key_header, alias })
    }

    pub(super) fn each(&self) -> impl Iterator<Item = Choice<'_>> {
        self.upstream.origins().flat_map(move |origin| {
            let choice = move |key, weight: u32| Choice {
                upstream: &self.upstream,
                origin,
                key,
                weight: origin.weight.saturating_mul(weight),
            };
            let keys = self.key_header.iter().flat_map(|_| self.context.settings());
            let keys =
                keys.flat_map(|settings| settings.keys.of(&self.upstream, self.alias.as_deref()));
            let keyed = keys.map(move |key| choice(Some(&key.secret), key.weight.max(1)));
            let unkeyed = self.key_header.is_none().then(|| choice(None, 1));
            keyed.chain(unkeyed)
        })
    }

    /// Makes a request one for the choice of this place among [`each`](Self::each).
    pub(super) fn take<B>(&self, index: usize, request: &mut Request<B>) {
        let Some(Choice { origin, key, .. }) = self.each().nth(index) else { return };
        if let Some(uri) = origin.moved(self.upstream.origin(), request.uri()) {
            *request.uri_mut() = uri;
        }
        self.context.set_origin(origin.number);
        let host: Option<&mut HeaderValue> = request.headers_mut().get_mut(HOST);
        if let Some(host) = host {
            *host = origin.host().clone();
        }
        if let Some((header, key)) = self.key_header.as_ref().zip(key) {
            header.insert(request.headers_mut(), key);
        }
    }
}
