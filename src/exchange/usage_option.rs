//! Asks providers for the usage of streams, if the host wants it and the client did not ask.
//!
//! Streams of chat completions report usage only if `stream_options.include_usage` is set, in an
//! extra chunk without choices that some clients cannot parse. So the gateway adds the option to
//! the request and removes that chunk from the response. If a provider refuses the option, the
//! retry layer sends the request again without it, and the gateway does not add the option for a
//! while.

/// Returns true if a response of this status may be a refusal of the option.
pub(crate) fn may_be_refused(status: http::StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 422)
}
