//! A host with users of its own around the gateway, over real sockets: two tenants, told apart by
//! the host's sessions and by nothing that they send to the gateway.

mod identity;
mod locks;
mod scene;
mod splits;
mod tenants;
