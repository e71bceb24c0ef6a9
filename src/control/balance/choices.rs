//! The base URLs and keys that a gateway request can choose from.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Uri};

use super::rendezvous;
use crate::context::GatewayContext;
use crate::control::keys::KeyOfPlace;
use crate::credentials::secret::Secret;
use crate::provider::{KeyHeader, Origin, Upstream};
use crate::settings::keys::StoredKey;

/// All base URLs of a provider, each with all stored keys that can replace the request's.
pub(in crate::control) struct Choices {
    context: GatewayContext,
    upstream: Arc<Upstream>,
    /// Whether the request may go to the other base URLs.
    is_movable: bool,
    /// The key's header; `None` if the request's own key must stay.
    key_header: Option<KeyHeader>,
    keys: Vec<StoredChoice>,
}

/// A stored key that the request may use.
struct StoredChoice {
    secret: Secret,
    weight: u32,
    digest: [u8; 32],
}

/// A base URL with a key.
pub(in crate::control) struct Choice<'a> {
    pub(in crate::control) upstream: &'a Upstream,
    pub(in crate::control) origin: &'a Origin,
    /// The header value; `None` for the request's own key.
    pub(in crate::control) key: Option<&'a HeaderValue>,
    pub(in crate::control) weight: u32,
    /// Stable identity: the same in every process, whatever the other choices are.
    pub(in crate::control) id: u64,
}

impl Choices {
    /// `None` if there is nothing to choose.
    pub(in crate::control) fn of<B>(
        context: &GatewayContext,
        request: &Request<B>,
    ) -> Option<Self> {
        let upstream = context.upstream()?;
        if !upstream.origin().is_of(request.uri()) {
            return None;
        }
        let is_movable = upstream.has_several_origins()
            // A key for one place is not used at another.
            && request.extensions().get::<KeyOfPlace>().is_none()
            // If another layer has changed the URI, we cannot translate it to another base URL.
            && uri_at(upstream.origin(), context, request.uri()).as_ref() == Some(request.uri());
        let shared = stored_keys(context, request.headers());
        let shared = shared.filter(|(_, keys)| keys.clone().nth(1).is_some());
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

    /// Rewrites the request for the choice at this index of [`each`](Self::each).
    pub(in crate::control) fn take<B>(&self, index: usize, request: &mut Request<B>) {
        let Some((origin, key)) = self.pairs().nth(index) else { return };
        if origin.number > 0 {
            // All or nothing: the URI may be too long at another base URL.
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

/// The URI of the current step at a base URL, with the query of `uri`.
fn uri_at(origin: &Origin, context: &GatewayContext, uri: &Uri) -> Option<Uri> {
    origin.uri_by(context.way(), context.provider_path(), uri.query())
}

/// The stored keys of which a request has one, and their header. `None` if its key is not the
/// gateway's.
pub(in crate::control) fn stored_keys<'a>(
    context: &'a GatewayContext,
    headers: &HeaderMap,
) -> Option<(&'a KeyHeader, impl Iterator<Item = &'a StoredKey> + Clone)> {
    let (upstream, settings) = (context.upstream()?, context.settings()?);
    let keys = settings.keys.of(upstream, context.key_alias());
    let first = keys.clone().next()?;
    let header = upstream.key_headers().find(|header| {
        // Compare pointers: a client may send a key of the same text.
        let (own, sent) = (header.value(&first.secret), headers.get(header.name()));
        sent.is_some_and(|sent| std::ptr::eq(sent.as_bytes(), own.as_bytes()))
    })?;
    Some((header, keys))
}
