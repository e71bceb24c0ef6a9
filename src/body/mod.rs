//! The bodies that pass through the gateway.

mod intercept;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod watch;

use http_body::Body;

pub use self::intercept::InterceptBody;
pub use self::request::RequestBody;
pub use self::response::ResponseBody;

/// Whether all data has been handed out. At the declared length a peer may stop reading, and never
/// ask for the end behind it.
pub(crate) fn is_over<B: Body>(body: &B) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}
