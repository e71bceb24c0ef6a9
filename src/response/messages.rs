//! The messages of refused requests.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};

use crate::directives::{Fault, Unfit};
use crate::json::object::ScanError;
use crate::provider::headers::HeaderScan;
use crate::rejection::{Code, Rejection};
use crate::routing::RouteRefused;
use crate::util::sources::is_over_limit;
use crate::util::text::shortened;
use crate::util::timeout::TimeoutPhase;

pub(crate) const NO_KEY: &str =
    "This gateway has no key for the provider: send one, as to the provider itself.";

/// When to retry after the memory budget was used up.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Refusals with one sentence: the code, the parameter at fault if there is one, and the text.
macro_rules! rejections {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*)
        $code:ident $([$($param:tt)+])?: $($text:expr),+;)+) => {$(
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) -> Rejection {
            Rejection::of_request(Code::$code, text(format_args!($($text),+)))
                $(.param(text(format_args!($($param)+))))?
        }
    )+};
}

/// Borrowed if nothing is filled in.
fn text(arguments: fmt::Arguments<'_>) -> Cow<'static, str> {
    arguments.as_str().map_or_else(|| arguments.to_string().into(), Cow::Borrowed)
}

rejections! {
    malformed_id(what: &str) Malformed:
        "The {what} in the path must be 1 to 64 of A-Z a-z 0-9 - _ . and not a dot segment.";
    unknown_provider(slug: &str) UnknownProvider:
        "`{}` is no provider here. The path must be as in `…/grok/v1/chat/completions`.",
        shortened(slug);
    /// A path never chooses a host: it names a configured site.
    unknown_site(site: &str) UnknownProvider:
        "The path names `{}`, a resource or region for which no provider is set up here.",
        shortened(site);
    no_such_endpoint() NoSuchEndpoint:
        "The gateway has no such path. Model-routed are chat/completions, responses, embeddings \
         and messages; everything else is below a provider's slug.";
    post_only() MethodNotAllowed: "This path takes POST.";
    malformed_header(name: &HeaderName, must_be: &str) Malformed ["{name}"]:
        "The header {name} must be {must_be}.";
    locked_header(name: &HeaderName) Forbidden ["{name}"]:
        "This gateway does not let its clients use the header {name}: leave it out.";
    forbidden_member(member: &str) Forbidden ["{member}"]:
        "This gateway does not allow a model that the request body names in `{member}`.";
    unreadable_member(member: &str) Forbidden ["{member}"]:
        "This gateway allows certain models alone, and `{member}` of the request body may lead to \
         any.";
    unknown_prefix(prefix: &str) UnknownProvider ["model"]:
        "`model` begins with `{}/`, which is no provider here. It must be as in `grok/grok-4`.",
        shortened(prefix);
    malformed_path() Malformed:
        "The path is malformed. Dot segments (`.` and `..`, encoded ones too) are not relayed; \
         send the path that is meant.";
    unknown_gateway(gateway: &str) UnknownGateway: "{}", crate::rejection::no_gateway(gateway);
    /// Does not reveal which aliases exist.
    unknown_alias() UnknownAlias ["cf-aig-byok-alias"]:
        "The gateway keeps no key of this alias for the provider.";
    no_key() NoKey: "{NO_KEY}";
    client_key() Forbidden:
        "This gateway uses the keys that it keeps: send the request without a provider's key.";
    foreign_page() Forbidden ["origin"]: "This gateway does not serve pages of other origins.";
    provider_not_allowed(slug: &str) Forbidden: "This gateway does not allow the provider `{slug}`.";
    /// The client asked for zero data retention.
    keeps_data(slug: &str) Malformed ["cf-aig-zdr"]:
        "The request asks by `cf-aig-zdr` for zero data retention, which is not known of the \
         provider `{slug}` here.";
    /// The client's own list.
    provider_left_out(slug: &str) Forbidden ["cf-aig-allowed-providers"]:
        "The provider `{slug}` is not in the request's `cf-aig-allowed-providers`.";
    /// The client's own list.
    model_left_out(model: &str) Forbidden ["cf-aig-allowed-models"]:
        "The model `{}` is not in the request's `cf-aig-allowed-models`.", shortened(model);
    model_not_allowed(model: &str) Forbidden ["model"]:
        "This gateway does not allow the model `{}`.", shortened(model);
    /// Models are restricted, and the request may be for any.
    unreadable_model() Forbidden ["model"]:
        "This gateway allows certain models alone, and the request names none that can be read: \
         send plain JSON, or a form, with a `model`.";
    /// Models are restricted, and those of the request are in a file or in an unknown place.
    hidden_model() Forbidden ["model"]:
        "This gateway allows certain models alone, and those of a batch cannot be read here. Send \
         its requests one by one.";
    unknown_entry_provider(index: usize, provider: &str) UnknownProvider ["[{index}].provider"]:
        "`provider` of entry {index} of the request body, counted from 0, is `{}`, which is no \
         provider here.", shortened(provider);
    unknown_entry_site(index: usize, site: &str) UnknownProvider ["[{index}].endpoint"]:
        "The path names `{}`, a resource or region for which no provider is set up here.",
        shortened(site);
    unroutable_entry(index: usize) Malformed ["[{index}].endpoint"]:
        "Entry {index} of the request body, counted from 0, leads nowhere: its endpoint must be \
         one of chat/completions, responses, embeddings and messages, and its model as in \
         `grok/grok-4`.";
    broken_body() Malformed: "The request body broke off before its end.";
    /// A layer above the gateway limits the body's length.
    body_over_limit() BodyTooLarge: "The request body is larger than this server takes.";
    body_too_large(limit: usize) BodyTooLarge:
        "The request body is larger than {limit} bytes, which is the limit here.";
    /// What stands before `model` is held while the model is looked for.
    model_too_far(limit: usize, advice: &str) BodyTooLarge:
        "More than {limit} bytes of the request body stand before its `model`, which is the limit \
         here. {advice}";
    malformed_model() Malformed ["model"]: "`model` is no well-formed JSON string.";
    unknown_route(name: &str) UnknownProvider ["model"]:
        "This gateway has no route `dynamic/{}`.", shortened(name);
    no_such_model(id: &str) NoSuchEndpoint ["model"]:
        "This gateway lists no model `{}`.", shortened(id);
    route_without_model(name: &str) Forbidden ["model"]:
        "The route `dynamic/{}` has no model for this request that it allows and this gateway has \
         a key for.", shortened(name);
    no_prefix() UnknownProvider ["model"]:
        "`model` must name the provider too on this route, as in `grok/grok-4`.";
}

pub(crate) fn unroutable(refused: RouteRefused, path: &str) -> Rejection {
    match refused {
        RouteRefused::Id(what) => malformed_id(what),
        RouteRefused::UnknownProvider(slug) => unknown_provider(slug.text(path)),
        RouteRefused::UnknownSite(site) => unknown_site(site.text(path)),
        RouteRefused::NoSuchEndpoint => no_such_endpoint(),
        RouteRefused::PostOnly => post_only(),
    }
}

pub(crate) fn unfit_header(unfit: &Unfit) -> Rejection {
    let Unfit { name, fault } = unfit;
    match fault {
        Fault::MustBe(must_be) => malformed_header(name, must_be),
        Fault::Locked => locked_header(name),
    }
}

/// The same answer for a missing token and a wrong one.
pub(crate) fn unauthorized(is_rest: bool) -> Rejection {
    let message = if is_rest {
        "This gateway asks for one of its tokens: send it as `authorization: Bearer {token}`."
    } else {
        "This gateway asks for one of its tokens: send it as `cf-aig-authorization: Bearer {token}`, \
         or in the place of the provider's key."
    };
    let param = if is_rest { "authorization" } else { "cf-aig-authorization" };
    Rejection::of_request(Code::Unauthorized, message).param(param)
}

pub(crate) const NO_SETTINGS: &str = "The gateway could not find its settings; nothing was sent.";

/// The host's code has panicked.
pub(crate) fn no_settings() -> Rejection {
    Rejection::of_upstream(Code::Internal, NO_SETTINGS, None)
}

/// A guard has panicked, so the request must not pass.
pub(crate) fn guard_failed() -> Rejection {
    let message = "A check of the request failed; nothing was sent.";
    Rejection::of_upstream(Code::Internal, message, None)
}

pub(crate) fn guard_silent() -> Rejection {
    let message = "A check of the request did not end in time; nothing was sent.";
    Rejection::of_upstream(Code::Overloaded, message, Some(true))
}

/// Only 426 makes clients such as Codex fall back to plain HTTP at once.
pub(crate) fn refuse_websocket<B>(
    request: &Request<B>,
    scan: &HeaderScan,
) -> Result<(), Rejection> {
    // CONNECT with a path is extended CONNECT (RFC 8441), which names its protocol outside of the
    // headers.
    let is_extended = *request.method() == Method::CONNECT && request.version() >= Version::HTTP_2;
    if !scan.websocket && !is_extended {
        return Ok(());
    }
    let message = "The gateway does not speak WebSocket here. Send the request as plain HTTP.";
    Err(Rejection::of_request(Code::UpgradeRequired, message))
}

/// `TRACE` would echo the credentials, and `CONNECT` asks for a tunnel (RFC 9110 §9.3.6, §9.3.8).
pub(crate) fn refuse_method(method: &Method) -> Result<(), Rejection> {
    match *method {
        Method::TRACE | Method::CONNECT => {
            Err(Rejection::of_request(Code::Malformed, "TRACE and CONNECT are not relayed."))
        }
        _ => Ok(()),
    }
}

pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Rejection> {
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    let message = "The body must not be compressed where its `model` is read. Send it plain.";
    Err(Rejection::of_request(Code::Malformed, message).param("content-encoding"))
}

/// The answer to a body that cannot be routed.
pub(crate) fn unreadable_body(error: ScanError) -> Rejection {
    let (code, message) = match error {
        ScanError::NotAnObject => (Code::Malformed, "The request body must be a JSON object."),
        ScanError::Malformed => (Code::Malformed, "The request body is not well-formed JSON."),
        ScanError::Truncated => (Code::Malformed, "The request body ends inside its JSON object."),
        ScanError::DuplicateModel => {
            (Code::Malformed, "The request body has more than one `model`.")
        }
        ScanError::ModelIsNotAString => (
            Code::UnknownProvider,
            "`model` must be a string. On this route it names the provider too, as in `grok/grok-4`.",
        ),
        ScanError::ModelTooLong => {
            (Code::UnknownProvider, "`model` is longer than any model's name.")
        }
        ScanError::AmbiguousForm => (
            Code::Forbidden,
            "This gateway allows certain models alone, and the form can be read in more than one way.",
        ),
        ScanError::TooManyModels => (
            Code::Forbidden,
            "This gateway allows certain models alone, and the request names too many to check them.",
        ),
        ScanError::Forbidden(member) => return forbidden_member(member),
        ScanError::Unreadable("model") => return unreadable_model(),
        ScanError::Unreadable(member) => return unreadable_member(member),
    };
    Rejection::of_request(code, message).param("model")
}

/// The answer to a body that could not be read.
pub(crate) fn failed_body(error: &(dyn Error + 'static)) -> Rejection {
    if is_over_limit(error) { body_over_limit() } else { broken_body() }
}

/// The memory budget of all bodies is used up.
pub(crate) fn no_memory() -> Rejection {
    let message =
        "The gateway holds as many request bodies as it may; nothing was sent. Try again shortly.";
    Rejection::of_upstream(Code::Overloaded, message, Some(true)).retry_after(Some(RETRY_AFTER))
}

/// The client did not send in time the part of its body that must be read.
pub(crate) fn slow_body(phase: TimeoutPhase, after: Duration) -> Rejection {
    let message = match phase {
        TimeoutPhase::Total => format!(
            "Total timeout: the request body did not come within the {after:?} for the whole request; nothing was sent."
        ),
        _ => format!(
            "Body timeout: nothing more of the request body came for {after:?}; nothing was sent."
        ),
    };
    Rejection { retry: None, ..Rejection::of_request(Code::SlowBody, message) }
}

/// The client stopped sending its streamed request body.
pub(crate) fn slow_upload(after: Duration) -> Rejection {
    let message = format!("Body timeout: nothing more of the request body came for {after:?}.");
    Rejection { retry: None, ..Rejection::of_request(Code::SlowBody, message) }
}
