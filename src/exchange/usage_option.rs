//! Asking providers for the usage of streams, where the host wants it and the client did not.
//!
//! Chat completions tell the usage of a stream only if `stream_options.include_usage` is set, in an
//! extra chunk without choices that some clients cannot read. So the option is added to the request,
//! and that chunk is kept from the client. Who refuses the option is asked again without it, by the
//! layer for retries, and not asked for a while.

/// Whether a response of this status may be for the option.
pub(crate) fn may_be_refused(status: http::StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 422)
}
