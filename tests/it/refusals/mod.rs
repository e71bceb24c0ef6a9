//! Requests that the host refuses itself, over real sockets: each is answered in the caller's shape,
//! is one rejected exchange for all hooks, and nothing of it is the provider's.

mod above;
mod awaited;
mod below;
mod control;
mod resolvers;
mod routes;
mod scene;
