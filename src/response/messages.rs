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
    "This gateway has no key for the provider: send your own, as you would to the provider.";

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
        "This gateway has no provider `{}`. The path must look like `…/grok/v1/chat/completions`.",
        shortened(slug);
    /// A path never chooses a host: it names a configured site.
    unknown_site(site: &str) UnknownProvider:
        "The path names `{}`, a resource or region that is not configured here.",
        shortened(site);
    no_such_endpoint() NoSuchEndpoint:
        "The gateway has no such path. It routes chat/completions, responses, embeddings and \
         messages by model; put everything else below a provider's slug.";
    post_only() MethodNotAllowed: "This path accepts only POST.";
    malformed_header(name: &HeaderName, must_be: &str) Malformed ["{name}"]:
        "The header {name} must be {must_be}.";
    locked_header(name: &HeaderName) Forbidden ["{name}"]:
        "Clients of this gateway may not use the header {name}: leave it out.";
    forbidden_member(member: &str) Forbidden ["{member}"]:
        "This gateway does not allow a model that the request body names in `{member}`.";
    unreadable_member(member: &str) Forbidden ["{member}"]:
        "This gateway allows only certain models, and `{member}` of the request body may lead to \
         any.";
    unknown_prefix(prefix: &str) UnknownProvider ["model"]:
        "`model` begins with `{}/`, but this gateway has no such provider. It must look like \
         `grok/grok-4`.",
        shortened(prefix);
    malformed_path() Malformed:
        "The path is malformed. Dot segments (`.` and `..`, also encoded) are not relayed: send the \
         path without them.";
    unknown_gateway(gateway: &str) UnknownGateway: "{}", crate::rejection::no_gateway(gateway);
    /// Does not reveal which aliases exist.
    unknown_alias() UnknownAlias ["cf-aig-byok-alias"]:
        "The gateway has no key with this alias for the provider.";
    no_key() NoKey: "{NO_KEY}";
    client_key() Forbidden:
        "This gateway uses its own keys: send the request without a provider's key.";
    foreign_page() Forbidden ["origin"]: "This gateway does not serve pages from other origins.";
    provider_not_allowed(slug: &str) Forbidden: "This gateway does not allow the provider `{slug}`.";
    /// The client asked for zero data retention.
    keeps_data(slug: &str) Malformed ["cf-aig-zdr"]:
        "The request asks for zero data retention (`cf-aig-zdr`), which is not configured for the \
         provider `{slug}`.";
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
        "This gateway allows only certain models, and the request names none that it can read: \
         send plain JSON, or a form, with a `model`.";
    /// Models are restricted, and those of the request are in a file or in an unknown place.
    hidden_model() Forbidden ["model"]:
        "This gateway allows only certain models, and cannot read those of a batch. Send its \
         requests one by one.";
    unknown_entry_provider(index: usize, provider: &str) UnknownProvider ["[{index}].provider"]:
        "`provider` of entry {index} of the request body, counted from 0, is `{}`, but this gateway \
         has no such provider.", shortened(provider);
    unknown_entry_site(index: usize, site: &str) UnknownProvider ["[{index}].endpoint"]:
        "The path names `{}`, a resource or region that is not configured here.",
        shortened(site);
    unroutable_entry(index: usize) Malformed ["[{index}].endpoint"]:
        "Entry {index} of the request body, counted from 0, cannot be routed: its endpoint must be \
         chat/completions, responses, embeddings or messages, and its model must look like \
         `grok/grok-4`.";
    route_in_entry(index: usize) Malformed ["[{index}].query.model"]:
        "Entry {index} of the request body, counted from 0, names a dynamic route, which has steps of \
         its own: send it to `compat/chat/completions`, or name a provider.";
    broken_body() Malformed: "The request body ended before it was complete.";
    /// A layer above the gateway limits the body's length.
    body_over_limit() BodyTooLarge: "The request body is larger than this server accepts.";
    body_too_large(limit: usize) BodyTooLarge: "The request body is larger than {limit} bytes.";
    /// What comes before `model` is held in memory.
    model_too_far(limit: usize, advice: &str) BodyTooLarge:
        "The request body has more than {limit} bytes before its `model`. {advice}";
    malformed_model() Malformed ["model"]: "`model` is not a well-formed JSON string.";
    unknown_route(name: &str) UnknownProvider ["model"]:
        "This gateway has no route `dynamic/{}`.", shortened(name);
    no_such_model(id: &str) NoSuchEndpoint ["model"]:
        "This gateway does not list the model `{}`.", shortened(id);
    route_without_model(name: &str) Forbidden ["model"]:
        "The route `dynamic/{}` has no model for this request that is allowed and for which this \
         gateway has a key.", shortened(name);
    no_prefix() UnknownProvider ["model"]:
        "On this route `model` must also name the provider, as in `grok/grok-4`.";
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
        "This gateway requires a token: send it as `authorization: Bearer {token}`."
    } else {
        "This gateway requires a token: send it as `cf-aig-authorization: Bearer {token}`, or in \
         place of the provider's key."
    };
    let param = if is_rest { "authorization" } else { "cf-aig-authorization" };
    Rejection::of_request(Code::Unauthorized, message).param(param)
}

pub(crate) const NO_SETTINGS: &str = "The gateway could not load its settings; nothing was sent.";

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

/// WebSocket, and methods that are not relayed. `TRACE` would echo the credentials, and `CONNECT` asks
/// for a tunnel (RFC 9110 §9.3.6, §9.3.8).
pub(crate) fn refuse_protocol<B>(request: &Request<B>, scan: &HeaderScan) -> Result<(), Rejection> {
    // CONNECT with a path is extended CONNECT (RFC 8441), which names its protocol outside of the
    // headers.
    let is_extended = *request.method() == Method::CONNECT && request.version() >= Version::HTTP_2;
    if scan.websocket || is_extended {
        // Only 426 makes clients such as Codex fall back to plain HTTP at once.
        let message = "The gateway does not support WebSocket. Send the request as plain HTTP.";
        return Err(Rejection::of_request(Code::UpgradeRequired, message));
    }
    match *request.method() {
        Method::TRACE | Method::CONNECT => {
            Err(Rejection::of_request(Code::Malformed, "TRACE and CONNECT are not relayed."))
        }
        _ => Ok(()),
    }
}

/// The body would reach the provider coded, without the field that says so (RFC 9112 §6.1).
pub(crate) fn refuse_coding(scan: &HeaderScan) -> Result<(), Rejection> {
    if !scan.has_coding() {
        return Ok(());
    }
    let message = "The gateway undoes no transfer coding but `chunked`.";
    Err(Rejection::of_request(Code::UnknownCoding, message).param("transfer-encoding"))
}

pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Rejection> {
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    let message =
        "The gateway reads `model` from this body, so it must not be compressed. Send it plain.";
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
            "`model` must be a string. On this route it also names the provider, as in `grok/grok-4`.",
        ),
        ScanError::ModelTooLong => {
            (Code::UnknownProvider, "`model` is too long to be a model's name.")
        }
        ScanError::AmbiguousForm => (
            Code::Forbidden,
            "This gateway allows only certain models, and the form can be read in more than one way.",
        ),
        ScanError::TooManyModels => (
            Code::Forbidden,
            "This gateway allows only certain models, and the request names too many to check.",
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
        "The gateway has no memory left for request bodies; nothing was sent. Try again shortly.";
    Rejection::of_upstream(Code::Overloaded, message, Some(true)).retry_after(Some(RETRY_AFTER))
}

/// The client did not send in time the part of its body that must be read.
pub(crate) fn slow_body(phase: TimeoutPhase, after: Duration) -> Rejection {
    let message = match phase {
        TimeoutPhase::Total => format!(
            "Total timeout: the request body did not arrive within the {after:?} for the whole request; nothing was sent."
        ),
        _ => format!(
            "Body timeout: no more of the request body arrived for {after:?}; nothing was sent."
        ),
    };
    Rejection { retry: None, ..Rejection::of_request(Code::SlowBody, message) }
}

/// The client stopped sending its streamed request body.
pub(crate) fn slow_upload(after: Duration) -> Rejection {
    let message = format!("Body timeout: no more of the request body arrived for {after:?}.");
    Rejection { retry: None, ..Rejection::of_request(Code::SlowBody, message) }
}
