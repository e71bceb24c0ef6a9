//! Asking providers for the usage of streams, where the host wants it and the client did not.
//!
//! Chat completions tell the usage of a stream only if `stream_options.include_usage` is set, in an
//! extra chunk without choices that some clients cannot read. So the option is added to the request,
//! and that chunk is kept from the client.

mod hide;
mod splice;

pub(crate) use self::hide::Hiding;
pub(crate) use self::splice::Splice;
