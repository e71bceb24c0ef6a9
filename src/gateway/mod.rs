//! The layer, its builder, and its services.

pub(crate) mod future;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod intercept;
pub(crate) mod layer;
pub(crate) mod service;
pub(crate) mod settings_layer;
pub(crate) mod setup_warnings;
