//! Used by all rooms; uses none of them.

pub(crate) mod body_hint;
pub(crate) mod budget;
pub(crate) mod config_error;
pub(crate) mod content_length;
pub(crate) mod digest;
pub(crate) mod file;
pub(crate) mod hex;
pub mod identity;
pub(crate) mod log_id;
pub(crate) mod macros;
pub(crate) mod opaque;
pub(crate) mod operation;
pub(crate) mod patience;
pub(crate) mod payload;
pub(crate) mod percent;
pub(crate) mod ready;
pub(crate) mod recent;
pub(crate) mod redact;
pub(crate) mod seconds;
pub(crate) mod segment_behind;
pub(crate) mod segments;
pub(crate) mod sources;
pub(crate) mod text;
pub mod timeout;
pub(crate) mod unwind;
#[cfg(any(feature = "client", feature = "control"))]
pub(crate) mod upload;
