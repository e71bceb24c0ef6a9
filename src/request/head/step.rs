//! The head of a step that is tried after a failed one.
//!
//! Each step starts from the first step's request, so that nothing added for one provider can reach
//! another.

use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;

use super::complete;
use crate::context::GatewayContext;
use crate::context::step::{Step, StepKey};
use crate::credentials;
use crate::provider::Upstream;
use crate::provider::headers;
use crate::request::affinity::Destination;
use crate::request::attach_key;
use crate::request::attach_key::{KeyOf, Recipient};
use crate::util::content_length;

/// The head of a step's request; `None` if the step cannot be taken.
///
/// `head` is the first step's, `first` its provider, and `growth` the difference in bytes between
/// this body and the client's. Without a gateway there is no `context`.
pub(crate) fn head_of_step(
    mut head: Parts,
    first: &Upstream,
    step: &Step,
    context: Option<&GatewayContext>,
    growth: i64,
) -> Option<Parts> {
    if let Some(entry) = step.entry.as_deref() {
        (head.uri, head.headers) = (entry.uri.clone(), entry.headers.clone());
        if let Some(context) = context {
            Destination::of_step(step).apply(context, &mut head.headers);
        }
        return Some(head);
    }
    let to = context.map(|context| (context, Destination::of_step(step)));
    // Headers that name a session may not go to another provider.
    let to = to.filter(|(context, to)| to.begin(context, &head.headers));
    let has_host = head.headers.contains_key(HOST);
    match first.slug() == step.upstream.slug() {
        true => change_key(&mut head.headers, step, context)?,
        false => readdress(&mut head, first, step, context)?,
    }
    let headers = &mut head.headers;
    if has_host {
        headers.insert(HOST, step.upstream.host().clone());
    }
    if let Some((context, to)) = to {
        to.name_conversation(context, headers);
    }
    content_length::change(headers, growth);
    Some(head)
}

/// Turns the head for the first provider into one for another provider.
fn readdress(
    head: &mut Parts,
    first: &Upstream,
    step: &Step,
    context: Option<&GatewayContext>,
) -> Option<()> {
    let upstream = &*step.upstream;
    let own_key = upstream.key_header(step.way, &step.path);
    first.remove_fixed(&mut head.headers);
    let mut headers: HeaderMap = headers::for_any_provider(&head.headers).collect();
    // The client's key is only for the first provider.
    headers.remove(upstream.own_key_header().name());
    head.uri = upstream.uri_by(step.way, &step.path, None)?;
    match (&step.key, context) {
        (StepKey::Given(key), _) => {
            upstream.insert_fixed(&mut headers);
            own_key.insert(&mut headers, key);
        }
        (StepKey::Stored(_), None) => return None,
        (StepKey::Stored(_), Some(context)) => {
            let (way, path) = (step.way, Some(&*step.path));
            let to = Recipient { upstream, way, path, alias: alias(step, context) };
            let key = complete(&mut head.uri, &mut headers, context, to, false).ok()?;
            if key == KeyOf::Nobody && !takes_keys_from_layer(context) {
                return None;
            }
        }
    }
    head.headers = headers;
    Some(())
}

/// Replaces the key if the step uses a different one than the first step. Both have the same provider.
fn change_key(
    headers: &mut HeaderMap,
    step: &Step,
    context: Option<&GatewayContext>,
) -> Option<()> {
    let key = match (&step.key, context) {
        (StepKey::Given(key), _) => key,
        (StepKey::Stored(_), None) => return Some(()),
        // The client's own key is for this provider, so it stays.
        (StepKey::Stored(_), Some(context)) if context.has_credentials() => return Some(()),
        (StepKey::Stored(of_step), Some(context)) => {
            match attach_key::stored(context, &step.upstream, alias(step, context)) {
                Some(key) => key,
                None if of_step.is_none() => return Some(()),
                None if takes_keys_from_layer(context) => {
                    credentials::remove(headers);
                    return Some(());
                }
                None => return None,
            }
        }
    };
    credentials::remove(headers);
    step.upstream.key_header(step.way, &step.path).insert(headers, key);
    Some(())
}

/// Returns true if a layer below adds the keys.
fn takes_keys_from_layer(context: &GatewayContext) -> bool {
    context.settings().is_some_and(|settings| settings.takes_keys_from_layer)
}

/// Which stored key a step wants.
fn alias<'a>(step: &'a Step, context: &'a GatewayContext) -> Option<&'a str> {
    let directives = step.directives.as_deref().or_else(|| context.directives());
    step.key.alias().or_else(|| directives?.byok_alias.as_deref())
}
