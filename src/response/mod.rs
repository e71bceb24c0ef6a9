//! A response on its way to the client.

pub(crate) mod body;
pub(crate) mod failure;
pub(crate) mod hide_usage;
pub(crate) mod intercept_body;
pub(crate) mod messages;
pub(crate) mod relay;
