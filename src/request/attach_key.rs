//! With which key a provider is asked, where the client brings none.

use http::header::Entry;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Uri};

use crate::context::GatewayContext;
use crate::credentials::query;
use crate::credentials::secret::Secret;
use crate::directives::Directives;
use crate::provider::{ApiKind, KeyHeader, Upstream};
use crate::rejection::Rejection;
use crate::request::authorize::{take_token, take_tokens};
use crate::response::messages;
use crate::settings::{ClientCredentials, GatewaySettings};

/// Puts the gateway's key for this provider into a request that has none.
pub(crate) fn attach(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    upstream: &Upstream,
    way: ApiKind,
) -> Result<(), Rejection> {
    let own = upstream.key_header(way);
    let has_key = brings_key(headers, context.settings(), context.has_credentials(), own);
    let has_key = has_key && keep_key(headers, context, upstream, own)?;
    context.set_has_credentials(has_key);
    attach_as(headers, context, context.directives(), has_key, upstream, own)
}

/// As [`attach`], for an entry of a universal request: with its own directives and its own keys.
pub(crate) fn attach_to_entry(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    directives: &Directives,
    has_credentials: bool,
    upstream: &Upstream,
    way: ApiKind,
) -> Result<(), Rejection> {
    let own = upstream.key_header(way);
    let settings = context.settings();
    let mut has_credentials = has_credentials;
    if let Some(settings) = settings.filter(|settings| settings.asks_for_token())
        && has_credentials
    {
        take_tokens(headers, settings);
        has_credentials = crate::credentials::any(headers);
    }
    let has_key = brings_key(headers, settings, has_credentials, own);
    let has_key = has_key && keep_key(headers, context, upstream, own)?;
    attach_as(headers, context, Some(directives), has_key, upstream, own)
}

/// Gives whether the request has a key for the provider. A provider of the host's own may read it
/// from a header that no other has: nobody has looked there yet.
fn brings_key(
    headers: &mut HeaderMap,
    settings: Option<&GatewaySettings>,
    has_credentials: bool,
    own: &KeyHeader,
) -> bool {
    let own = own.name();
    let has_own =
        !crate::credentials::is_credential(own.as_str()) && headers.contains_key(own) && {
            if let Some(settings) = settings.filter(|settings| settings.asks_for_token()) {
                take_token(headers, own, settings);
            }
            marked_key(headers, own)
        };
    has_own || has_credentials
}

fn attach_as(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    directives: Option<&Directives>,
    has_key: bool,
    upstream: &Upstream,
    own: &KeyHeader,
) -> Result<(), Rejection> {
    let settings = context.settings();
    if has_key {
        return Ok(());
    }
    let alias = directives.and_then(|directives| directives.byok_alias.as_deref());
    let requires = settings.is_some_and(|settings| settings.requires_credentials);
    match (stored(context, upstream, alias), alias) {
        (Some(key), _) => own.insert(headers, key),
        (None, _) if settings.is_some_and(|settings| settings.takes_keys_from_layer) => {}
        // A gateway that nobody has set up knows of no aliases.
        (None, Some(_)) if settings.is_some() => return Err(messages::unknown_alias()),
        (None, _) if requires => return Err(messages::no_key()),
        (None, _) => {}
    }
    Ok(())
}

/// Gives whether the client's key stays, as the host has chosen; else it is taken off.
fn keep_key(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    upstream: &Upstream,
    own: &KeyHeader,
) -> Result<bool, Rejection> {
    match choice(context, upstream) {
        ClientCredentials::Pass => Ok(true),
        ClientCredentials::Refuse => Err(messages::client_key()),
        ClientCredentials::Ignore => {
            crate::credentials::remove(headers);
            headers.remove(own.name());
            Ok(false)
        }
    }
}

fn choice(context: &GatewayContext, upstream: &Upstream) -> ClientCredentials {
    let settings = context.settings();
    settings.map_or_else(Default::default, |settings| settings.client_credentials_for(upstream))
}

/// Treats a client's key in the query, where some providers read one as well, as the host has
/// chosen. `uri`: as the provider is to get it.
pub(crate) fn settle_query(
    uri: &mut Uri,
    context: &GatewayContext,
    upstream: &Upstream,
) -> Result<(), Rejection> {
    let has_key = uri.query().is_some_and(|query| query::keys(query).next().is_some());
    if !has_key {
        return Ok(());
    }
    match choice(context, upstream) {
        ClientCredentials::Pass => {}
        ClientCredentials::Refuse => return Err(messages::client_key()),
        ClientCredentials::Ignore => {
            let path = uri.path().to_owned();
            let rest = query::without_keys(uri.query().unwrap_or_default());
            let whole = if rest.is_empty() { path } else { format!("{path}?{rest}") };
            let mut parts = std::mem::take(uri).into_parts();
            // It was one before some of it was left out.
            let whole = PathAndQuery::try_from(whole).map_err(|_| messages::malformed_path())?;
            parts.path_and_query = Some(whole);
            *uri = Uri::from_parts(parts).map_err(|_| messages::malformed_path())?;
        }
    }
    Ok(())
}

/// Gives whether there is a key in this header, and marks it sensitive. One that says nothing goes.
fn marked_key(headers: &mut HeaderMap, name: &HeaderName) -> bool {
    let Entry::Occupied(mut values) = headers.entry(name) else { return false };
    if values.iter().all(crate::credentials::is_empty) {
        values.remove();
        return false;
    }
    values.iter_mut().for_each(|value| value.set_sensitive(true));
    true
}

/// The gateway's key for a provider; the first, where several share the load.
pub(crate) fn stored<'a>(
    context: &'a GatewayContext,
    upstream: &'a Upstream,
    alias: Option<&'a str>,
) -> Option<&'a Secret> {
    context.settings()?.keys.of(upstream, alias).next().map(|key| &key.secret)
}
