//! Whether a gateway allows a request's provider and model.
//!
//! A gateway that restricts models must read the same model in a request as the provider does. So
//! it refuses whatever is ambiguous or unreadable.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use crate::context::GatewayContext;
use crate::json::object::{ObjectScanner, ScanError};
use crate::provider::Upstream;
use crate::rejection::Rejection;
use crate::request::allowance::Allowance;
use crate::request::model_reader::ModelReader;
use crate::response::messages;
use crate::routing;
use crate::routing::{PathModels, Reach};
use crate::settings::GatewaySettings;
use crate::util::percent::query_text;

/// Checks that the gateway, and the request or entry, allow a provider.
pub(crate) fn allow_provider(
    allowance: Allowance<'_>,
    upstream: &Upstream,
) -> Result<(), Rejection> {
    if allowance.wants_zdr() && !upstream.keeps_nothing() {
        return Err(messages::keeps_data(upstream.slug()));
    }
    let settings = allowance.context.settings();
    if !settings.is_none_or(|settings| settings.rules.allow_provider(upstream)) {
        return Err(messages::provider_not_allowed(upstream.slug()));
    }
    match allowance.narrowing {
        Some(narrowing) if !narrowing.allows_provider(upstream) => {
            Err(messages::provider_left_out(upstream.slug()))
        }
        _ => Ok(()),
    }
}

/// Returns true if the client allows its request to go to a step that the host chose. `model` is
/// `None` if unknown.
pub(crate) fn allow_step(
    context: &GatewayContext,
    upstream: &Upstream,
    model: Option<&str>,
) -> bool {
    let has_retention = !context.wants_zdr() || upstream.keeps_nothing();
    has_retention
        && context.narrowing().is_none_or(|narrowing| {
            let is_model = |model| narrowing.allows_model(Some(upstream), model);
            let is_any = !narrowing.restricts_models();
            narrowing.allows_provider(upstream) && (is_any || model.is_some_and(is_model))
        })
}

pub(crate) fn allow_model(allowance: Allowance<'_>, model: &str) -> Result<(), Rejection> {
    if allowance.allows(model) {
        return Ok(());
    }
    let is_the_clients = !allowance.lets_pass(model);
    Err(if is_the_clients {
        messages::model_left_out(model)
    } else {
        messages::model_not_allowed(model)
    })
}

/// Checks the models in a provider's own path and query. Returns whether the body must be read too.
pub(crate) fn allow_path(
    allowance: Allowance<'_>,
    rest: &str,
    query: Option<&str>,
) -> Result<bool, Rejection> {
    let Allowance { context, .. } = allowance;
    let path = routing::read_path(rest);
    let is_call = context.is_call();
    // There, a model in the query is a filter.
    let is_listing = !is_call && path.is_listing;
    let is_in_query = !is_listing && allow_query(allowance, query)?;
    let is_opened = path.is_realtime && *context.method() == Method::GET;
    if is_call || is_opened {
        path.models.iter().try_for_each(|model| allow_model(allowance, model))?;
    }
    if is_call && path.reach == Reach::Hidden {
        return Err(messages::hidden_model());
    }
    // The query does not say which model a Google connection opens.
    let is_named = !path.models.is_empty() || is_in_query && !path.is_bidi;
    if is_opened && !is_named {
        return Err(messages::unreadable_model());
    }
    Ok(path.reach != Reach::File)
}

/// Checks the models in a query. Returns whether it names a model, or a call that has one.
fn allow_query(allowance: Allowance<'_>, query: Option<&str>) -> Result<bool, Rejection> {
    let Some(query) = query else { return Ok(false) };
    let mut is_named = false;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match &*query_text(key).to_ascii_lowercase() {
            "model" | "models" | "model_id" | "modelid" | "deployment" | "engine" => {
                allow_model(allowance, &query_text(value))?;
                is_named = true;
            }
            "call_id" => is_named = true,
            _ => {}
        }
    }
    Ok(is_named)
}

/// Returns true if the body must name a model.
pub(crate) fn must_name(context: &GatewayContext, path: &PathModels) -> bool {
    let must_name = match path.reach {
        Reach::Named => path.models.is_empty(),
        Reach::Inside(_) => true,
        Reach::File | Reach::Free | Reach::Hidden => false,
    };
    must_name && context.is_call()
}

/// Reads a body for its models on its way to the provider, if models are restricted.
pub(crate) fn reader(context: &GatewayContext, headers: &HeaderMap) -> Box<ModelReader> {
    let path = routing::read_path(context.provider_path());
    Box::new(ModelReader::of(context, headers, path.reach, must_name(context, &path)))
}

/// Checks that a body is in a form that can be read, if models are restricted.
pub(crate) fn allow_body(headers: &HeaderMap, is_form: bool) -> Result<(), Rejection> {
    messages::refuse_encoded(headers)?;
    if is_form { Ok(()) } else { allow_form(headers) }
}

/// Checks every model that an entry of a universal request reaches. `body` is the whole body.
pub(crate) fn allow_entry(
    allowance: Allowance<'_>,
    rest: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    model: Option<&str>,
) -> Result<(), Rejection> {
    let Allowance { context, .. } = allowance;
    if !allow_path(allowance, rest, query)? {
        return Ok(());
    }
    allow_body(headers, false)?;
    let passed = ObjectScanner::new().wary(true).pass(body).map_err(messages::unreadable_body)?;
    let mut reader = ModelReader::json_behind(context, routing::read_path(rest).reach);
    reader.push_for(allowance, body, passed).map_err(messages::unreadable_body)?;
    match model {
        Some(model) => allow_model(allowance, model),
        None => allow_without_model(context, rest, reader.has_named()),
    }
}

/// The model of an entry, for rules; `None` if rules use the model and the provider may read another one.
/// A body that names two is refused.
pub(crate) fn sure_model(
    context: &GatewayContext,
    headers: &HeaderMap,
    body: &[u8],
    model: Option<String>,
) -> Result<Option<String>, Rejection> {
    if !context.settings().is_some_and(GatewaySettings::goes_by_model) {
        return Ok(model);
    }
    match ObjectScanner::new().wary(true).push(body) {
        Err(error @ ScanError::DuplicateModel) => Err(messages::unreadable_body(error)),
        Ok(()) if allow_body(headers, false).is_ok() => Ok(model),
        _ => Ok(None),
    }
}

/// Checks the `content-type`: one reader may take a form for JSON, and another may find a different model
/// in it.
pub(crate) fn allow_form(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (None, _) => true,
        (Some(one), None) => one.to_str().is_ok_and(is_read_as_json),
        (Some(_), Some(_)) => false,
    };
    if is_json { Ok(()) } else { Err(messages::unreadable_model()) }
}

fn is_read_as_json(content_type: &str) -> bool {
    if content_type == "application/json" {
        return true;
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind.ends_with("+json") || kind.ends_with("/json");
    is_json || matches!(&*kind, "" | "text/plain" | "application/octet-stream")
}

/// Checks whether a body without a top-level `model` is allowed on this path, if models are
/// restricted.
pub(crate) fn allow_without_model(
    context: &GatewayContext,
    rest: &str,
    has_named: bool,
) -> Result<(), Rejection> {
    let is_missing = !has_named && must_name(context, &routing::read_path(rest));
    if is_missing { Err(messages::unreadable_model()) } else { Ok(()) }
}

/// Checks whether the body may be empty. If the call is known to take its model from the body, the
/// provider will refuse it; otherwise we do not know what it does.
pub(crate) fn allow_empty(context: &GatewayContext) -> Result<(), Rejection> {
    let is_known = context.operation().takes_model();
    if is_known { Ok(()) } else { allow_without_model(context, context.provider_path(), false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_unambiguous_content_types_are_read_as_json() {
        let allowed = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for kind in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            allow_form(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON; charset=utf-8", "text/plain", ""] {
            assert!(allowed(&[good]), "{good}");
        }
        assert!(allowed(&[]) && allowed(&["application/vnd.api+json"]));
        for bad in ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "a"] {
            assert!(!allowed(&[bad]), "{bad}");
        }
        assert!(!allowed(&["application/json", "multipart/form-data; boundary=x"]));
    }
}
