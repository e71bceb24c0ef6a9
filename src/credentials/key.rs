//! With which key a provider is asked, where the client brings none.

use http::HeaderMap;

use crate::context::GatewayContext;
use crate::directives::Directives;
use crate::provider::{KeyHeader, Upstream, Way};
use crate::refusal;
use crate::rejection::Rejection;
use crate::secret::Secret;

/// Puts the gateway's key for this provider into a request that has none.
pub(crate) fn attach(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    upstream: &Upstream,
    way: Way,
) -> Result<(), Rejection> {
    if has_own_key(headers, upstream, way) {
        context.set_has_credentials(true);
    }
    let has_credentials = context.has_credentials();
    attach_as(headers, context, context.directives(), has_credentials, upstream, way)
}

/// As [`attach`], for an entry of a universal request: with its own directives and its own keys.
pub(crate) fn attach_to_entry(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    directives: &Directives,
    has_credentials: bool,
    upstream: &Upstream,
    way: Way,
) -> Result<(), Rejection> {
    attach_as(headers, context, Some(directives), has_credentials, upstream, way)
}

fn attach_as(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    directives: Option<&Directives>,
    has_credentials: bool,
    upstream: &Upstream,
    way: Way,
) -> Result<(), Rejection> {
    let settings = context.settings();
    if has_credentials || has_own_key(headers, upstream, way) {
        let refuses = settings.is_some_and(|settings| settings.refuses_client_credentials);
        return if refuses { Err(refusal::client_key()) } else { Ok(()) };
    }
    let alias = directives.and_then(|directives| directives.byok_alias.as_deref());
    let requires = settings.is_some_and(|settings| settings.requires_credentials);
    match (stored(context, upstream, alias), alias) {
        (Some(key), _) => upstream.key_header(way).insert(headers, key),
        (None, _) if settings.is_some_and(|settings| settings.takes_keys_from_layer) => {}
        (None, Some(_)) => return Err(refusal::unknown_alias()),
        (None, None) if requires => return Err(refusal::no_key()),
        (None, None) => {}
    }
    Ok(())
}

/// A provider of the host's own may read its key from a header that no other has.
fn has_own_key(headers: &HeaderMap, upstream: &Upstream, way: Way) -> bool {
    matches!(upstream.key_header(way), KeyHeader::Plain(name) if headers.contains_key(name))
}

/// The gateway's key for a provider; the first, where several share the load.
pub(crate) fn stored<'a>(
    context: &'a GatewayContext,
    upstream: &'a Upstream,
    alias: Option<&'a str>,
) -> Option<&'a Secret> {
    context.settings()?.keys.of(upstream, alias).next().map(|key| &key.secret)
}
