//! Which headers carry a provider's key.
//!
//! A key on the request passes unchanged to the provider that the request is routed to, and to no
//! other. It is marked sensitive when it is first seen, so no `Debug` of a header map shows it and
//! HTTP/2 never puts it into a compression table.

/// The headers that providers read keys from.
pub(crate) fn is_credential(name: &str) -> bool {
    matches!(name, "authorization" | "x-api-key" | "api-key" | "x-goog-api-key")
}
