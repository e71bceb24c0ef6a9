//! A host with its own users around the gateway, over real sockets: two tenants, distinguished only
//! by the host's sessions and not by anything else that they send.

mod identity;
mod locks;
mod scene;
mod splits;
mod tenants;
