//! Which headers carry a provider's key.
//!
//! A key on the request passes unchanged to the provider that the request is routed to, and to no
//! other. It is marked sensitive when it is first seen, so no `Debug` of a header map shows it and
//! HTTP/2 never puts it into a compression table.

use http::HeaderName;
use http::header::AUTHORIZATION;

/// The headers that providers read keys from.
pub(crate) fn is_credential(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || matches!(name.as_str(), "x-api-key" | "api-key" | "x-goog-api-key")
}
