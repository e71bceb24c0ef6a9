//! The bodies that pass through the gateway.

pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod watch;

pub use self::request::RequestBody;
pub use self::response::{InterceptBody, ResponseBody};
