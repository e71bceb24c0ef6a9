//! Requests that the host refuses, over real sockets: each is answered in the caller's format, is
//! one rejected exchange for all hooks, and does not concern the provider.

mod above;
mod awaited;
mod below;
mod control;
mod resolvers;
mod routes;
mod scene;
