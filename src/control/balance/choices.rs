//! The base URLs and keys among which a request of a gateway can choose.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Uri};

use super::rendezvous;
use crate::context::GatewayContext;
use crate::credentials::secret::Secret;
use crate::provider::{KeyHeader, Origin, Upstream};
use crate::settings::keys::StoredKey;

/// All base URLs of a provider, each with all stored keys that stand for the one that a request was
/// given.
pub(in crate::control) struct Choices {
    context: GatewayContext,
    upstream: Arc<Upstream>,
    /// Whether the request can go to further base URLs.
    is_movable: bool,
    /// Where the key goes; `None` where the request's own is not to be touched.
    key_header: Option<KeyHeader>,
    keys: Vec<StoredChoice>,
}

/// A stored key that a request can go with.
struct StoredChoice {
    secret: Secret,
    weight: u32,
    digest: [u8; 32],
}

/// One of them.
pub(in crate::control) struct Choice<'a> {
    pub(in crate::control) upstream: &'a Upstream,
    pub(in crate::control) origin: &'a Origin,
    /// As it stands in its header; `None` for the request's own.
    pub(in crate::control) key: Option<&'a HeaderValue>,
    pub(in crate::control) weight: u32,
    /// Its identity: the same in every process, whatever other choices there are.
    pub(in crate::control) id: u64,
}

impl Choices {
    /// `None` where there is nothing to choose.
    pub(in crate::control) fn of<B>(
        context: &GatewayContext,
        request: &Request<B>,
    ) -> Option<Self> {
        let upstream = context.upstream()?;
        if !upstream.origin().is_of(request.uri()) {
            return None;
        }
        let is_movable = upstream.origins().nth(1).is_some()
            // Where another layer has changed the URI, nobody knows what it is elsewhere.
            && uri_at(upstream.origin(), context, request.uri()).as_ref() == Some(request.uri());
        let shared = shared_keys(context, request.headers());
        if !is_movable && shared.is_none() {
            return None;
        }
        let (key_header, keys) = match shared {
            Some((header, keys)) => {
                let keys = keys.map(|key| StoredChoice {
                    secret: key.secret.clone(),
                    weight: key.weight.max(1),
                    digest: *key.digest(),
                });
                (Some(header.clone()), keys.collect())
            }
            None => (None, Vec::new()),
        };
        let (context, upstream) = (context.clone(), upstream.clone());
        Some(Self { context, upstream, is_movable, key_header, keys })
    }

    pub(in crate::control) fn each(&self) -> impl Iterator<Item = Choice<'_>> {
        self.pairs().map(|(origin, key)| Choice {
            upstream: &self.upstream,
            origin,
            key: self.key_header.as_ref().zip(key).map(|(header, key)| header.value(&key.secret)),
            weight: origin.weight.saturating_mul(key.map_or(1, |key| key.weight)),
            id: rendezvous::target(origin.base(), key.map(|key| &key.digest)),
        })
    }

    pub(in crate::control) fn context(&self) -> &GatewayContext {
        &self.context
    }

    fn pairs(&self) -> impl Iterator<Item = (&Origin, Option<&StoredChoice>)> {
        let origins = self.upstream.origins().take(if self.is_movable { usize::MAX } else { 1 });
        origins.flat_map(|origin| {
            let keyed = self.keys.iter().map(move |key| (origin, Some(key)));
            let unkeyed = self.keys.is_empty().then_some((origin, None));
            keyed.chain(unkeyed)
        })
    }

    /// Makes a request one for the choice of this place among [`each`](Self::each).
    pub(in crate::control) fn take<B>(&self, index: usize, request: &mut Request<B>) {
        let Some((origin, key)) = self.pairs().nth(index) else { return };
        if origin.number > 0 {
            // Whole or not at all: a URI can be too long elsewhere.
            let Some(uri) = uri_at(origin, &self.context, request.uri()) else { return };
            *request.uri_mut() = uri;
            if let Some(host) = request.headers_mut().get_mut(HOST) {
                *host = origin.host().clone();
            }
        }
        self.context.set_origin(origin.number);
        if let Some((header, key)) = self.key_header.as_ref().zip(key) {
            header.insert(request.headers_mut(), &key.secret);
        }
    }
}

/// What the URI of the current step is at a base URL, with the query of `uri`.
fn uri_at(origin: &Origin, context: &GatewayContext, uri: &Uri) -> Option<Uri> {
    origin.uri_by(context.way(), context.provider_path(), uri.query())
}

/// The stored keys that can replace the one that the gateway has put into a request, and the header
/// that they go in. `None` where there is no other, or where the key is not the gateway's.
fn shared_keys<'a>(
    context: &'a GatewayContext,
    headers: &HeaderMap,
) -> Option<(&'a KeyHeader, impl Iterator<Item = &'a StoredKey> + Clone)> {
    let (upstream, settings) = (context.upstream()?, context.settings()?);
    let keys = settings.keys.of(upstream, context.key_alias());
    let first = keys.clone().next()?;
    keys.clone().nth(1)?;
    let header = upstream.key_headers().find(|header| {
        // The very copy that the gateway keeps: a client may have brought a key of the same text.
        let (own, sent) = (header.value(&first.secret), headers.get(header.name()));
        sent.is_some_and(|sent| std::ptr::eq(sent.as_bytes(), own.as_bytes()))
    })?;
    Some((header, keys))
}
