//! Signed tokens as identities, over real sockets: an issuer with its keys, a gateway behind the
//! layer, and a provider that gets no token.

mod bad;
mod headers;
mod keys;
mod random;
mod run;
mod scene;
