//! The stored keys of one alias that share the load.

use http::HeaderMap;

use crate::context::GatewayContext;
use crate::provider::KeyHeader;
use crate::settings::keys::StoredKey;

/// The keys that can stand for the one that the gateway has put into a request, and the header that
/// they go in. `None` where there is no other, and where the key is not the gateway's.
pub(super) fn shared_keys<'a>(
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
