//! A request on its way to a provider, stage by stage.

pub(crate) mod access;
pub(crate) mod add_usage;
pub(crate) mod affinity;
pub(crate) mod allowance;
pub(crate) mod attach_key;
pub(crate) mod authorize;
pub(crate) mod body;
pub(crate) mod body_routing;
pub(crate) mod catalogue;
pub(crate) mod collect;
pub(crate) mod dynamic;
pub(crate) mod form;
pub(crate) mod guards;
pub(crate) mod head;
pub(crate) mod model_reader;
pub(crate) mod peek;
pub(crate) mod peek_for;
pub(crate) mod stages;
pub(crate) mod stream_options;
pub(crate) mod universal;
pub(crate) mod via;
pub(crate) mod watch;
