//! [`Arrival`]: a request as it arrives.

use std::sync::Arc;

use http::{Method, Uri};

use crate::directives::Directives;
use crate::provider::{Providers, Upstream};
use crate::routing::{GatewayPath, PathSpan};
use crate::settings::GatewaySettings;
use crate::util::budget::BodyBudget;
use crate::util::identity::Identity;

/// What is known of a request before anything is read of its body.
pub(crate) struct Arrival {
    pub(crate) method: Method,
    /// As the client sent it. The query may hold a key: it is never shown.
    pub(crate) uri: Uri,
    pub(crate) place: GatewayPath,
    pub(crate) endpoint: Endpoint,
    /// The client's, over the gateway's defaults where it sent any.
    pub(crate) directives: Option<Box<Directives>>,
    /// The caller, if the host has named it.
    pub(crate) identity: Option<Identity>,
    /// `None` if nothing is set.
    pub(crate) settings: Option<Arc<GatewaySettings>>,
    /// Those in force when the request arrived; `None` if they are the layer's.
    pub(crate) providers: Option<Arc<Providers>>,
    /// The request has its client's key for the provider.
    pub(crate) has_credentials: bool,
    /// The layer's, for what is held of the body.
    pub(crate) body_budget: Option<BodyBudget>,
    /// The provider that the path names.
    pub(crate) native: Option<Arc<Upstream>>,
    /// Which of the gateway's tokens the client has shown, where that matters.
    #[cfg_attr(
        not(any(feature = "cache", feature = "limits")),
        allow(dead_code, reason = "limits and the cache use it")
    )]
    pub(crate) token: Option<u16>,
}

impl Arrival {
    /// With nothing but where it goes.
    #[cfg(test)]
    pub(crate) fn new(method: Method, uri: Uri, endpoint: Endpoint) -> Self {
        Self {
            method,
            uri,
            place: GatewayPath::default(),
            endpoint,
            directives: None,
            identity: None,
            settings: None,
            providers: None,
            has_credentials: false,
            body_budget: None,
            native: None,
            token: None,
        }
    }
}

/// What is asked for, as the route tells it. The operation follows from it when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Native(PathSpan),
    Unified(&'static str),
    /// What the gateway lists by itself.
    Models,
    Universal,
    None,
}
