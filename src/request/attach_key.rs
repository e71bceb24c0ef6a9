//! Chooses the key that a request is sent with: the client's or a stored one.

use http::header::Entry;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Uri};

use crate::context::GatewayContext;
use crate::credentials::query;
use crate::credentials::secret::Secret;
use crate::directives::Directives;
use crate::provider::{ApiKind, Upstream};
use crate::rejection::Rejection;
use crate::request::authorize::{remove_token, remove_tokens};
use crate::response::messages;
use crate::settings::{ClientCredentials, GatewaySettings};

/// Adds the gateway's key for the provider unless the client's key is used. Returns whether it is.
/// `has_credentials`: one of the usual headers holds a key.
pub(crate) fn attach(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    directives: Option<&Directives>,
    has_credentials: bool,
    upstream: &Upstream,
    way: ApiKind,
) -> Result<bool, Rejection> {
    let (settings, header) = (context.settings(), upstream.key_header(way));
    if has_own_key(headers, settings, header.name()) || has_credentials {
        match client_credentials(context, upstream) {
            ClientCredentials::Pass => return Ok(true),
            ClientCredentials::Refuse => return Err(messages::client_key()),
            ClientCredentials::Ignore => {
                crate::credentials::remove(headers);
                headers.remove(header.name());
            }
        }
    }
    let alias = directives.and_then(|directives| directives.byok_alias.as_deref());
    match (stored(context, upstream, alias), settings) {
        (Some(key), _) => header.insert(headers, key),
        // A gateway without settings has no aliases.
        (None, None) => {}
        (None, Some(settings)) if settings.takes_keys_from_layer => {}
        (None, Some(_)) if alias.is_some() => return Err(messages::unknown_alias()),
        (None, Some(settings)) if settings.requires_credentials => return Err(messages::no_key()),
        (None, Some(_)) => {}
    }
    Ok(false)
}

/// Like [`attach`], for an entry of a universal request, whose headers were not authenticated.
pub(crate) fn attach_to_entry(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    directives: &Directives,
    mut has_credentials: bool,
    upstream: &Upstream,
    way: ApiKind,
) -> Result<(), Rejection> {
    let settings = context.settings().filter(|settings| settings.asks_for_token());
    if let Some(settings) = settings.filter(|_| has_credentials) {
        remove_tokens(headers, settings);
        has_credentials = crate::credentials::any(headers);
    }
    attach(headers, context, Some(directives), has_credentials, upstream, way).map(|_| ())
}

/// Returns true if there is a key in a header that only this provider reads and that was not
/// checked yet.
fn has_own_key(
    headers: &mut HeaderMap,
    settings: Option<&GatewaySettings>,
    own: &HeaderName,
) -> bool {
    if crate::credentials::is_credential(own.as_str()) || !headers.contains_key(own) {
        return false;
    }
    if let Some(settings) = settings.filter(|settings| settings.asks_for_token()) {
        remove_token(headers, own, settings);
    }
    mark_key(headers, own)
}

/// What the host wants done with a client's own key.
fn client_credentials(context: &GatewayContext, upstream: &Upstream) -> ClientCredentials {
    let settings = context.settings();
    settings.map_or_else(Default::default, |settings| settings.client_credentials_for(upstream))
}

/// Applies the host's choice to a client's key in the query, which some providers read too. `uri`
/// is the one that the provider will get.
pub(crate) fn apply_to_query(
    uri: &mut Uri,
    context: &GatewayContext,
    upstream: &Upstream,
) -> Result<(), Rejection> {
    let has_key = uri.query().is_some_and(|query| query::keys(query).next().is_some());
    if !has_key {
        return Ok(());
    }
    match client_credentials(context, upstream) {
        ClientCredentials::Pass => {}
        ClientCredentials::Refuse => return Err(messages::client_key()),
        ClientCredentials::Ignore => {
            let path = uri.path().to_owned();
            let rest = query::without_keys(uri.query().unwrap_or_default());
            let whole = if rest.is_empty() { path } else { format!("{path}?{rest}") };
            let mut parts = std::mem::take(uri).into_parts();
            // It was valid before parts of it were removed.
            let whole = PathAndQuery::try_from(whole).map_err(|_| messages::malformed_path())?;
            parts.path_and_query = Some(whole);
            *uri = Uri::from_parts(parts).map_err(|_| messages::malformed_path())?;
        }
    }
    Ok(())
}

/// Returns true if there is a key in this header, and marks it sensitive. Removes an empty header.
fn mark_key(headers: &mut HeaderMap, name: &HeaderName) -> bool {
    let Entry::Occupied(mut values) = headers.entry(name) else { return false };
    if values.iter().all(crate::credentials::is_empty) {
        values.remove();
        return false;
    }
    values.iter_mut().for_each(|value| value.set_sensitive(true));
    true
}

/// The gateway's key for a provider; the first, if several share the load.
pub(crate) fn stored<'a>(
    context: &'a GatewayContext,
    upstream: &'a Upstream,
    alias: Option<&'a str>,
) -> Option<&'a Secret> {
    context.settings()?.keys.of(upstream, alias).next().map(|key| &key.secret)
}
