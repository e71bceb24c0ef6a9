//! The identity and the state of one exchange, for everything that takes part in it.

pub(crate) mod gateway_context;
pub(crate) mod step;

pub use self::gateway_context::GatewayContext;
pub(crate) use self::gateway_context::session;
pub use self::gateway_context::session::{Affinity, Session};
pub(crate) use self::gateway_context::{Arrival, Endpoint, acted, answer_read, reserved};
pub use crate::directives::metadata::{Metadata, MetadataValue};
pub use crate::directives::trace::TraceParent;
pub use crate::util::log_id::LogId;
