//! The head of a request for its provider.
//!
//! The client's own request, entries of a universal request and fallback steps all get here what only
//! their provider may receive.

mod step;

use http::{HeaderMap, Uri};

pub(crate) use self::step::head_of_step;
use crate::context::GatewayContext;
use crate::rejection::Rejection;
use crate::request::attach_key;
use crate::request::attach_key::{KeyOf, Recipient};

/// Adds what only the provider may receive: the gateway's key, unless the client's is used, and the
/// fixed headers. Returns whose key the request has.
///
/// `has_credentials`: the client has sent a key in one of the usual headers.
pub(crate) fn complete(
    uri: &mut Uri,
    headers: &mut HeaderMap,
    context: &GatewayContext,
    to: Recipient<'_>,
    has_credentials: bool,
) -> Result<KeyOf, Rejection> {
    let has_key = attach_key::apply_to_query(uri, context, to.upstream)?;
    let key = attach_key::attach(headers, context, to, has_credentials || has_key)?;
    to.upstream.insert_fixed(headers);
    Ok(key)
}
