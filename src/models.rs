//! Whether a gateway allows the provider and the model of a request.
//!
//! A gateway that allows certain models alone must not read another model in a request than its
//! provider does. So what can be read in two ways is refused there, as is what cannot be read.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use crate::context::GatewayContext;
use crate::provider::Upstream;
use crate::refusal;
use crate::rejection::Rejection;
use crate::route::{self, Operation};

pub(crate) fn allow_provider(
    context: &GatewayContext,
    upstream: &Upstream,
) -> Result<(), Rejection> {
    let is_allowed =
        context.settings().is_none_or(|settings| settings.rules.allow_provider(upstream));
    if is_allowed { Ok(()) } else { Err(refusal::provider_not_allowed(upstream.slug())) }
}

pub(crate) fn allow_model(context: &GatewayContext, model: &str) -> Result<(), Rejection> {
    let is_allowed = context.settings().is_none_or(|settings| settings.rules.allow_model(model));
    if is_allowed { Ok(()) } else { Err(refusal::model_not_allowed(model)) }
}

/// Whether the model that a provider's own path calls is allowed, where it calls one.
pub(crate) fn allow_path(context: &GatewayContext, rest: &str) -> Result<(), Rejection> {
    // What is only looked at asks no model.
    let is_call = !matches!(*context.method(), Method::GET | Method::HEAD);
    match route::model_in_path(rest).filter(|_| is_call) {
        Some(model) => allow_model(context, &model),
        None => Ok(()),
    }
}

/// Whether a body is what it seems to be, where models are restricted.
pub(crate) fn allow_body(rest: &str, headers: &HeaderMap) -> Result<(), Rejection> {
    if route::is_upload(rest) {
        return Ok(());
    }
    refusal::refuse_encoded(headers)?;
    allow_form(headers)
}

/// A form can be JSON to one reader and name another model to the next.
pub(crate) fn allow_form(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (None, _) => true,
        (Some(one), None) => one.to_str().is_ok_and(is_read_as_json),
        (Some(_), Some(_)) => false,
    };
    if is_json { Ok(()) } else { Err(refusal::unreadable_model()) }
}

fn is_read_as_json(content_type: &str) -> bool {
    if content_type == "application/json" {
        return true;
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind.ends_with("+json") || kind.ends_with("/json");
    is_json || matches!(&*kind, "" | "text/plain" | "application/octet-stream")
}

/// Whether a JSON object without a `model` may pass on this path, where models are restricted.
pub(crate) fn allow_without_model(operation: Operation, rest: &str) -> Result<(), Rejection> {
    let is_named_elsewhere = route::model_in_path(rest).is_some();
    let must_name_one = match operation {
        // Their models stand inside, one for each request.
        Operation::Batches => !rest.ends_with("cancel"),
        operation => operation.takes_model(),
    };
    if must_name_one && !is_named_elsewhere { Err(refusal::unreadable_model()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_what_has_one_meaning_is_read_as_json() {
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

    #[test]
    fn batches_name_their_models_where_nobody_looks() {
        let allowed = |rest| allow_without_model(Operation::of(rest), rest).is_ok();
        assert!(!allowed("v1/batches") && !allowed("v1/chat/completions"));
        assert!(allowed("v1/batches/b_1:cancel") && allowed("v1/batches/b_1/cancel"));
        assert!(allowed("v1beta/models/gemini:generateContent") && allowed("v1/moderations"));
    }
}
