//! What happens to a header, by its name.

use http::HeaderName;
use http::header::{
    CONNECTION, COOKIE, FORWARDED, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use crate::credentials;
use crate::credentials::TOKEN_NAME;

/// The URL of a chunked file upload to Google. The URL alone authorizes the upload, and may hold a
/// key.
const UPLOAD_URL: &str = "x-goog-upload-url";

/// What happens to a header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    Kept,
    Host,
    Credential,
    /// Removed, and frequent enough for a bit: its index in `USUAL`.
    Usual(u8),
    /// Removed.
    Other,
}

/// Frequent names, which are recorded without allocating.
pub(super) static USUAL: [HeaderName; 10] = [
    CONNECTION,
    TRANSFER_ENCODING,
    TE,
    TRAILER,
    UPGRADE,
    COOKIE,
    FORWARDED,
    SET_COOKIE,
    HeaderName::from_static(TOKEN_NAME),
    STRICT_TRANSPORT_SECURITY,
];
pub(super) const CONNECTION_PLACE: u8 = 0;
pub(super) const TRANSFER_ENCODING_PLACE: u8 = 1;
pub(super) const TE_PLACE: u8 = 2;
pub(super) const TRAILER_PLACE: u8 = 3;
pub(super) const UPGRADE_PLACE: u8 = 4;
pub(super) const COOKIE_PLACE: u8 = 5;
pub(super) const FORWARDED_PLACE: u8 = 6;
pub(super) const SET_COOKIE_PLACE: u8 = 7;
pub(super) const TOKEN_PLACE: u8 = 8;
pub(super) const STRICT_TRANSPORT_PLACE: u8 = 9;

/// The hop-by-hop fields, in both directions.
fn hop_by_hop(name: &str) -> Disposition {
    match name {
        "connection" => Disposition::Usual(CONNECTION_PLACE),
        "transfer-encoding" => Disposition::Usual(TRANSFER_ENCODING_PLACE),
        "te" => Disposition::Usual(TE_PLACE),
        "trailer" => Disposition::Usual(TRAILER_PLACE),
        "upgrade" => Disposition::Usual(UPGRADE_PLACE),
        "keep-alive" | "http2-settings" => Disposition::Other,
        _ if name.starts_with("proxy-") => Disposition::Other,
        _ => Disposition::Kept,
    }
}

/// `cf-aig-…`, also with underscores for hyphens: some servers treat them alike.
fn is_gateway_header(name: &str) -> bool {
    matches!(name.as_bytes(), [b'c', b'f', b'-' | b'_', b'a', b'i', b'g', b'-' | b'_', ..])
}

pub(super) fn is_directive(name: &str) -> bool {
    is_gateway_header(name) || matches!(name, "cf-cache-ttl" | "cf-skip-cache")
}

/// Headers that Cloudflare adds in front of us: the client's address and place, and the caller known
/// to Access.
fn is_of_the_edge(name: &str) -> bool {
    matches!(
        name,
        "cf-connecting-ip"
            | "cf-connecting-ipv6"
            | "cf-pseudo-ipv4"
            | "cf-metro-code"
            | "cf-postal-code"
            | "cf-region"
            | "cf-region-code"
            | "cf-timezone"
    ) || name.starts_with("cf-ip")
        || name.starts_with("cf-access-")
}

/// Headers in which other proxies in front of us tell the client's address.
fn tells_client_address(name: &str) -> bool {
    matches!(
        name,
        "cloudfront-viewer-address"
            | "do-connecting-ip"
            | "fastly-client-ip"
            | "fly-client-ip"
            | "true-client-ip"
            | "x-appengine-user-ip"
            | "x-azure-clientip"
            | "x-azure-socketip"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "x-envoy-external-address"
            | "x-nf-client-connection-ip"
            | "x-original-forwarded-for"
            | "x-real-ip"
            | "x-vercel-forwarded-for"
    )
}

/// Headers with which a provider would rule over the gateway's own origin in a browser, as with a cookie:
/// its pages, its connections, its reports.
fn rules_the_origin(name: &str) -> bool {
    matches!(
        name,
        "clear-site-data"
            | "nel"
            | "public-key-pins"
            | "refresh"
            | "report-to"
            | "reporting-endpoints"
            | "service-worker-allowed"
            | "set-cookie2"
    )
}

/// Headers that make a proxy in front of us answer with a file or a page of its own.
fn commands_a_proxy(name: &str) -> bool {
    matches!(
        name,
        "x-accel-redirect"
            | "x-lighttpd-send-file"
            | "x-lighttpd-send-tempfile"
            | "x-litespeed-location"
            | "x-reproxy-file"
            | "x-reproxy-url"
            | "x-sendfile"
            | "x-sendfile2"
    )
}

// In `toward_provider` and `toward_client`, the first letters decide for nearly every kept header.

pub(super) fn toward_provider(name: &str) -> Disposition {
    match name.as_bytes() {
        [b'a', b'u' | b'p', ..] | [b'x', b'-', b'a' | b'g', ..]
            if credentials::is_credential(name) =>
        {
            Disposition::Credential
        }
        [b'c', b'f', ..] if name == TOKEN_NAME => Disposition::Usual(TOKEN_PLACE),
        [b'c', b'f', ..] if is_directive(name) || is_of_the_edge(name) => Disposition::Other,
        [b'c', b'o', b'o', ..] if name == "cookie" => Disposition::Usual(COOKIE_PLACE),
        [b'f', b'o', ..] if name == "forwarded" => Disposition::Usual(FORWARDED_PLACE),
        [b'h', ..] if name == "host" => Disposition::Host,
        [b'x', b'-', b'f', ..] if name.starts_with("x-forwarded-") => Disposition::Other,
        [b'x', b'-', b'a' | b'c' | b'e' | b'n' | b'o' | b'r' | b'v', ..]
        | [b'c', b'l', ..]
        | [b'd', b'o', ..]
        | [b'f', b'a' | b'l', ..]
        | [b't', b'r', ..]
            if tells_client_address(name) =>
        {
            Disposition::Other
        }
        [b'c', b'o', b'n', b'n', ..] | [b'h' | b'k' | b'p' | b't', ..] | [b'u', b'p', ..] => {
            hop_by_hop(name)
        }
        _ => Disposition::Kept,
    }
}

/// Returns true if a header of this name may carry a key to a provider.
pub(crate) fn may_hold_a_key(name: &str) -> bool {
    let is_of_the_message = name.starts_with("content-") || name == "accept";
    matches!(toward_provider(name), Disposition::Kept | Disposition::Credential)
        && !is_of_the_message
}

/// Returns true if a header for one provider may also go to another. Only known harmless ones may:
/// we cannot tell what else a provider takes for a key.
pub(super) fn is_for_any_provider(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "anthropic-beta"
            | "anthropic-version"
            | "baggage"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "idempotency-key"
            | "te"
            | "traceparent"
            | "tracestate"
            | "trailer"
            | "user-agent"
            | "via"
    ) || name.starts_with("x-stainless-")
}

pub(super) fn toward_client(name: &str) -> Disposition {
    match name.as_bytes() {
        [b'a', b'u' | b'p', ..] | [b'x', b'-', b'a' | b'g', ..]
            if credentials::is_credential(name) =>
        {
            Disposition::Other
        }
        [b'x', b'-', b'g', ..] if name == UPLOAD_URL => Disposition::Credential,
        [b'c', b'f', ..] if is_gateway_header(name) => Disposition::Other,
        [b's', b'e', b't', ..] if name == "set-cookie" => Disposition::Usual(SET_COOKIE_PLACE),
        [b's', b't', ..] if name == "strict-transport-security" => {
            Disposition::Usual(STRICT_TRANSPORT_PLACE)
        }
        [b'c', b'l', ..]
        | [b'n', b'e', ..]
        | [b'p', b'u', ..]
        | [b'r', b'e', ..]
        | [b's', b'e', ..]
            if rules_the_origin(name) =>
        {
            Disposition::Other
        }
        [b'x', b'-', b'a' | b'l' | b'r' | b's', ..] if commands_a_proxy(name) => Disposition::Other,
        [b'c', b'o', b'n', b'n', ..] | [b'h' | b'k' | b'p' | b't', ..] | [b'u', b'p', ..] => {
            hop_by_hop(name)
        }
        _ => Disposition::Kept,
    }
}

/// Returns true if a response header belongs to no hop, no single client, and not to the gateway.
#[cfg(feature = "cache")]
pub(crate) fn is_for_any_client(name: &str) -> bool {
    toward_client(name) == Disposition::Kept
}

pub(super) fn may_be_a_trailer(name: &str) -> bool {
    let is_content = matches!(
        name,
        "content-length" | "content-encoding" | "content-type" | "content-range" | "set-cookie"
    );
    !is_content && toward_provider(name) == Disposition::Kept
}
