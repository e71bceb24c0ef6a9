//! The head of a request for its provider.
//!
//! The client's own request, the entries of a universal request and what is tried after a failure all
//! get here what is for their provider alone.

mod step;

use http::{HeaderMap, Uri};

pub(crate) use self::step::head_of_step;
use crate::context::GatewayContext;
use crate::rejection::Rejection;
use crate::request::attach_key;
use crate::request::attach_key::{KeyOf, Recipient};

/// Adds to a head what is for its provider alone: the gateway's key, unless the client's is used, and
/// the fixed headers. Says whose key the request has.
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
