//! What a host sets for its gateways.

// Until the gateway resolves routes.
#[allow(dead_code, unused_imports)]
pub mod route;
