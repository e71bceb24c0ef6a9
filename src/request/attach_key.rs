//! Chooses the key that a request is sent with: the client's or a stored one.

use http::header::Entry;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Uri};

use crate::context::GatewayContext;
use crate::credentials::query;
use crate::credentials::secret::Secret;
use crate::provider::{ApiKind, Upstream};
use crate::rejection::Rejection;
use crate::request::authorize::{bare_token, remove_token, remove_tokens};
use crate::response::messages;
use crate::settings::{ClientCredentials, GatewaySettings};

/// The provider that a key is for.
#[derive(Clone, Copy)]
pub(crate) struct Recipient<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) way: ApiKind,
    /// After its slug, unless it is the client's own.
    pub(crate) path: Option<&'a str>,
    /// Which stored key is wanted; `None` for the default.
    pub(crate) alias: Option<&'a str>,
}

/// Whose key a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOf {
    Client,
    Gateway,
    /// None yet.
    Nobody,
}

/// Adds the gateway's key for the provider unless the client's is used. `has_credentials`: one of the
/// usual headers holds a key.
pub(crate) fn attach(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    to: Recipient<'_>,
    has_credentials: bool,
) -> Result<KeyOf, Rejection> {
    let Recipient { upstream, way, path, alias } = to;
    let (settings, own) = (context.settings(), upstream.own_key_header().name());
    if has_own_key(headers, settings, own) || has_credentials {
        match client_credentials(context, upstream) {
            ClientCredentials::Pass => return Ok(KeyOf::Client),
            ClientCredentials::Refuse => return Err(messages::client_key()),
            ClientCredentials::Ignore => {
                crate::credentials::remove(headers);
                headers.remove(own);
            }
        }
    }
    if let Some(key) = stored(context, upstream, alias) {
        let path = path.unwrap_or_else(|| context.provider_path());
        upstream.key_header(way, path).insert(headers, key);
        return Ok(KeyOf::Gateway);
    }
    match settings {
        // A gateway without settings has no aliases.
        None => {}
        Some(settings) if settings.takes_keys_from_layer => {}
        Some(_) if alias.is_some() => return Err(messages::unknown_alias()),
        Some(settings) if settings.requires_credentials => return Err(messages::no_key()),
        Some(_) => {}
    }
    Ok(KeyOf::Nobody)
}

/// Removes the gateway's tokens from the headers of an entry of a universal request, which were not
/// authenticated. Returns whether a key for a provider is left.
pub(crate) fn remove_tokens_of_entry(headers: &mut HeaderMap, context: &GatewayContext) -> bool {
    if !crate::credentials::any(headers) {
        return false;
    }
    let Some(settings) = context.settings().filter(|settings| settings.asks_for_token()) else {
        return true;
    };
    remove_tokens(headers, settings);
    crate::credentials::any(headers)
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

/// How the host wants a client's own key to be treated.
fn client_credentials(context: &GatewayContext, upstream: &Upstream) -> ClientCredentials {
    let settings = context.settings();
    settings.map_or_else(Default::default, |settings| settings.client_credentials_for(upstream))
}

/// Removes the gateway's tokens from the query, and treats a client's key there as the host has configured.
/// `uri` is the one that the provider will get. Returns whether a key remains that this provider reads.
/// An empty one is none, and is removed if this provider would read it.
pub(crate) fn apply_to_query(
    uri: &mut Uri,
    context: &GatewayContext,
    upstream: &Upstream,
) -> Result<bool, Rejection> {
    let is_empty = |key: &[u8]| key.trim_ascii().is_empty();
    let has_key =
        |uri: &Uri| query::keys(uri.query().unwrap_or_default()).any(|key| !is_empty(&key));
    if uri.query().is_none() {
        return Ok(false);
    }
    if upstream.reads_key_in_query() {
        remove_from_query(uri, is_empty)?;
    }
    if !has_key(uri) {
        return Ok(false);
    }
    if let Some(settings) = context.settings().filter(|settings| settings.asks_for_token()) {
        let is_token = |key: &[u8]| settings.token_number(bare_token(key)).is_some();
        remove_from_query(uri, is_token)?;
        if !has_key(uri) {
            return Ok(false);
        }
    }
    match client_credentials(context, upstream) {
        ClientCredentials::Pass => Ok(upstream.reads_key_in_query()),
        ClientCredentials::Refuse => Err(messages::client_key()),
        ClientCredentials::Ignore => {
            remove_from_query(uri, |_| true)?;
            Ok(false)
        }
    }
}

/// Removes the keys for which `is_removed` from the query.
fn remove_from_query(uri: &mut Uri, is_removed: impl Fn(&[u8]) -> bool) -> Result<(), Rejection> {
    let query = uri.query().unwrap_or_default();
    if !query::keys(query).any(|key| is_removed(&key)) {
        return Ok(());
    }
    let rest = query::without_keys(query, is_removed);
    let path = uri.path().to_owned();
    let whole = if rest.is_empty() { path } else { format!("{path}?{rest}") };
    let mut parts = std::mem::take(uri).into_parts();
    // It was valid before parts of it were removed.
    let whole = PathAndQuery::try_from(whole).map_err(|_| messages::malformed_path())?;
    parts.path_and_query = Some(whole);
    *uri = Uri::from_parts(parts).map_err(|_| messages::malformed_path())?;
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
