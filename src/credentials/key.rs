//! With which key a provider is asked, where the client brings none.

use http::header::Entry;
use http::{HeaderMap, HeaderName};

use super::gate::{take_token, take_tokens};
use super::query;
use crate::context::GatewayContext;
use crate::directives::Directives;
use crate::provider::{KeyHeader, Upstream, Way};
use crate::refusal;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::settings::GatewaySettings;

/// Puts the gateway's key for this provider into a request that has none.
pub(crate) fn attach(
    headers: &mut HeaderMap,
    context: &GatewayContext,
    upstream: &Upstream,
    way: Way,
) -> Result<(), Rejection> {
    let own = upstream.key_header(way);
    let has_key = brings_key(headers, context.settings(), context.has_credentials(), own);
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
    way: Way,
) -> Result<(), Rejection> {
    let own = upstream.key_header(way);
    let settings = context.settings();
    let mut has_credentials = has_credentials;
    if let Some(settings) = settings.filter(|settings| settings.asks_for_token())
        && has_credentials
    {
        take_tokens(headers, settings);
        has_credentials = super::any(headers);
    }
    let has_key = brings_key(headers, settings, has_credentials, own);
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
    let has_own = !super::is_credential(own.as_str()) && headers.contains_key(own) && {
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
        let refuses = settings.is_some_and(|settings| settings.refuses_client_credentials);
        return if refuses { Err(refusal::client_key()) } else { Ok(()) };
    }
    let alias = directives.and_then(|directives| directives.byok_alias.as_deref());
    let requires = settings.is_some_and(|settings| settings.requires_credentials);
    match (stored(context, upstream, alias), alias) {
        (Some(key), _) => own.insert(headers, key),
        (None, _) if settings.is_some_and(|settings| settings.takes_keys_from_layer) => {}
        // A gateway that nobody has set up knows of no aliases.
        (None, Some(_)) if settings.is_some() => return Err(refusal::unknown_alias()),
        (None, _) if requires => return Err(refusal::no_key()),
        (None, _) => {}
    }
    Ok(())
}

/// Refuses a client's key in the query, where some providers read one as well. `query`: as the
/// provider is to get it.
pub(crate) fn refuse_in_query(
    query: Option<&str>,
    context: &GatewayContext,
) -> Result<(), Rejection> {
    let refuses = context.settings().is_some_and(|settings| settings.refuses_client_credentials);
    let has_key = refuses && query.is_some_and(|query| query::keys(query).next().is_some());
    if has_key { Err(refusal::client_key()) } else { Ok(()) }
}

/// Gives whether there is a key in this header, and marks it sensitive. One that says nothing goes.
fn marked_key(headers: &mut HeaderMap, name: &HeaderName) -> bool {
    let Entry::Occupied(mut values) = headers.entry(name) else { return false };
    if values.iter().all(super::is_empty) {
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
