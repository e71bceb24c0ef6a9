//! With which key a provider is asked, where the client brings none.

use http::HeaderMap;

use crate::context::GatewayContext;
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
    let (settings, alias) = (context.settings(), alias(context));
    let refuses_clients = settings.is_some_and(|settings| settings.refuses_client_credentials);
    let key_header = upstream.key_header(way);
    // A provider of the host's own may read its key from a header that no other has.
    let has_own_key = matches!(key_header, KeyHeader::Plain(name) if headers.contains_key(name));
    if context.has_credentials() || has_own_key {
        return if refuses_clients { Err(refusal::client_key()) } else { Ok(()) };
    }
    let requires = settings.is_some_and(|settings| settings.requires_credentials);
    match (stored(context, upstream, alias), alias) {
        (Some(key), _) => key_header.insert(headers, key),
        (None, Some(_)) => return Err(refusal::unknown_alias()),
        (None, None) if requires => return Err(refusal::no_key()),
        (None, None) => {}
    }
    Ok(())
}

/// The gateway's key for a provider; the first, where several share the load.
pub(crate) fn stored<'a>(
    context: &'a GatewayContext,
    upstream: &'a Upstream,
    alias: Option<&'a str>,
) -> Option<&'a Secret> {
    context.settings()?.keys.of(upstream, alias).next().map(|key| &key.secret)
}

/// Which stored key the client wants.
fn alias(context: &GatewayContext) -> Option<&str> {
    context.directives()?.byok_alias.as_deref()
}
