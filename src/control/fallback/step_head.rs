//! The request of a step: its URI, headers and key.
//!
//! Each step starts from the first step's request, so that nothing added for one provider can reach
//! another.

use crate::request::affinity::Destination;
use crate::request::attach_key;
use http::HeaderMap;
use http::header::{HOST, VIA};
use http::request::Parts;

use crate::context::GatewayContext;
use crate::context::step::{Step, StepKey, StepRequest};
use crate::credentials;
use crate::credentials::secret::Secret;
use crate::provider::Upstream;
use crate::provider::headers;
use crate::util::content_length;

/// The head of a step's request; `None` if the step cannot be taken.
///
/// `head` is the first step's, `first` its provider, and `growth` the difference in bytes between
/// this body and the client's.
pub(super) fn step_head(
    mut head: Parts,
    first: &Upstream,
    step: &Step,
    context: Option<&GatewayContext>,
    growth: i64,
) -> Option<Parts> {
    if let Some(StepRequest { uri, headers, .. }) = step.entry.as_deref() {
        let mut headers = headers.clone();
        // Use the gateway's `via` of the first request.
        headers.remove(VIA);
        for via in head.headers.get_all(VIA) {
            headers.append(VIA, via.clone());
        }
        if let Some(context) = context {
            Destination::of_step(step).apply(context, &mut headers);
        }
        (head.uri, head.headers) = (uri.clone(), headers);
        return Some(head);
    }
    let has_host = head.headers.contains_key(HOST);
    let to = context.map(|context| (context, Destination::of_step(step)));
    // Headers that name a session may not go to another provider.
    let to = to.filter(|(context, to)| to.begin(context, &head.headers));
    let is_same = first.slug() == step.upstream.slug();
    if !is_same {
        first.remove_fixed(&mut head.headers);
        head.headers = for_another_provider(&head.headers);
        step.upstream.insert_fixed(&mut head.headers);
        head.uri = step.upstream.uri_by(step.way, &step.path)?;
    }
    let headers = &mut head.headers;
    let brought = context.is_none_or(GatewayContext::has_credentials);
    match key(step, context) {
        // The client's own key stays with the client's own provider.
        _ if is_same && brought && !matches!(step.key, StepKey::Given(_)) => {}
        Some(key) => {
            credentials::remove(headers);
            step.upstream.key_header(step.way).insert(headers, key);
        }
        None if is_same && matches!(step.key, StepKey::Stored(None)) => {}
        None if context.is_some_and(takes_keys_from_layer) => credentials::remove(headers),
        None => return None,
    }
    if has_host {
        headers.insert(HOST, step.upstream.host().clone());
    }
    if let Some((context, to)) = to {
        to.name_conversation(context, headers);
    }
    content_length::change(headers, growth);
    Some(head)
}

/// Returns true if a layer below adds the keys.
fn takes_keys_from_layer(context: &GatewayContext) -> bool {
    context.settings().is_some_and(|settings| settings.takes_keys_from_layer)
}

/// The headers that may go to another provider.
fn for_another_provider(headers: &HeaderMap) -> HeaderMap {
    let harmless = headers.iter().filter(|(name, _)| headers::is_for_any_provider(name.as_str()));
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in harmless {
        kept.append(name.clone(), value.clone());
    }
    kept
}

fn key<'a>(step: &'a Step, context: Option<&'a GatewayContext>) -> Option<&'a Secret> {
    if let StepKey::Given(key) = &step.key {
        return Some(key);
    }
    let context = context?;
    let directives = step.directives.as_deref().or_else(|| context.directives());
    let alias = step.key.alias().or_else(|| directives?.byok_alias.as_deref());
    attach_key::stored(context, &step.upstream, alias)
}
