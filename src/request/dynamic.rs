//! Turns the models of a dynamic route into steps.

use http::HeaderMap;
use http::header::{CONNECTION, HOST};

use crate::context::GatewayContext;
use crate::context::step::{Step, StepKey};
use crate::directives::{self, Directives};
use crate::json::scalars::{BodyFields, BodyScalars};
use crate::provider::headers;
use crate::rejection::Rejection;
use crate::request::access::allow_step;
use crate::request::affinity::Destination;
use crate::request::attach_key;
use crate::response::messages;
use crate::routing::model::RoutedModel;
use crate::settings::GatewaySettings;
use crate::settings::route::{Choice, DynamicRoute, Facts};

/// The prefix of route names among the models.
pub(crate) const PREFIX: &str = "dynamic";

/// Returns true if the model is the name of a route.
pub(crate) fn is_route(routed: &RoutedModel) -> bool {
    routed.prefix() == Some(PREFIX)
}

fn find<'a>(context: &'a GatewayContext, name: &str) -> Option<&'a DynamicRoute> {
    context.settings()?.routes.find(name)
}

/// The body members that the route of this name reads.
pub(crate) fn body_fields(context: &GatewayContext, routed: &RoutedModel) -> BodyFields {
    find(context, routed.model()).map(DynamicRoute::body_fields).unwrap_or_default()
}

/// Sets the steps of a request by its route, and returns the first. Only stored keys are used, and only
/// headers for any provider stay: the client cannot know which provider they would go to.
pub(crate) fn first_step<'c>(
    context: &'c GatewayContext,
    routed: &RoutedModel,
    headers: &mut HeaderMap,
    body: Option<&BodyScalars>,
    endpoint: &'static str,
) -> Result<&'c Step, Rejection> {
    let mut steps = steps(context, routed, headers, body, endpoint)?.into_iter();
    let first = steps.next().ok_or_else(|| messages::route_without_model(routed.model()))?;
    context.set_has_credentials(false);
    let first = context.set_first(first);
    context.set_further(steps.collect());
    // Headers that name a session are read before they go.
    Destination::of_step(first).begin(context, headers);
    keep_for_any_provider(headers);
    Ok(first)
}

/// Also keeps what the gateway needs until it sends the request.
fn keep_for_any_provider(headers: &mut HeaderMap) {
    let mut kept: HeaderMap = headers::for_any_provider(headers).collect();
    for name in [CONNECTION, HOST] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    *headers = kept;
}

/// The steps of a request; empty if the gateway lacks what they need.
fn steps(
    context: &GatewayContext,
    routed: &RoutedModel,
    headers: &HeaderMap,
    body: Option<&BodyScalars>,
    endpoint: &'static str,
) -> Result<Vec<Step>, Rejection> {
    let name = routed.model();
    let route = find(context, name).ok_or_else(|| messages::unknown_route(name))?;
    let nothing = BodyScalars::default();
    let metadata = context.metadata();
    let identity = context.identity();
    let facts = Facts { identity, metadata, headers, body: body.unwrap_or(&nothing) };
    let chain = route.resolve(&facts);
    // They were valid when they were first parsed.
    let own = directives::parse(headers, context.locks()).ok().flatten();
    let own = own.map(|own| *own).unwrap_or_default();
    let steps: Vec<_> =
        chain.iter().filter_map(|choice| step(context, &own, choice, endpoint)).collect();
    if steps.is_empty() && context.wants_zdr() {
        let mut upstreams =
            chain.iter().filter_map(|choice| context.find_provider(&choice.model.provider));
        if let Some(upstream) = upstreams.find(|upstream| !upstream.keeps_nothing()) {
            return Err(messages::keeps_data(upstream.slug()));
        }
    }
    Ok(steps)
}

/// `None` if the gateway lacks what the node needs.
///
/// `own` are the directives of the request's headers. They override the node, and the node
/// overrides the gateway's defaults.
fn step(
    context: &GatewayContext,
    own: &Directives,
    choice: &Choice<'_>,
    endpoint: &'static str,
) -> Option<Step> {
    let node = choice.model;
    let upstream = context.find_provider(&node.provider)?;
    if !allow_step(context, upstream, Some(&node.model)) {
        return None;
    }
    let of_node = Directives {
        request_timeout: node.timeout,
        max_attempts: node.attempts,
        retry_delay: node.retry_delay,
        backoff: node.backoff,
        ..Directives::default()
    };
    let mut directives = own.clone().or(&of_node);
    if let Some(defaults) = context.settings().and_then(GatewaySettings::defaults) {
        directives = directives.or(defaults);
    }
    if node.key_alias.is_some() {
        directives.byok_alias.clone_from(&node.key_alias);
    }
    if !context.settings().is_some_and(|settings| settings.takes_keys_from_layer) {
        attach_key::stored(context, upstream, directives.byok_alias.as_deref())?;
    }
    let mut step = Step::unified(upstream.clone(), endpoint, Some(node.model.clone()));
    step.key = StepKey::Stored(directives.byok_alias.clone());
    step.directives = Some(Box::new(directives));
    step.route_timeout = node.timeout;
    step.limits.clone_from(&choice.limits);
    Some(step)
}
