//! [`Arrival`]: a request as it arrives.

use std::sync::Arc;

use http::{Method, Uri};

use crate::directives::Directives;
use crate::provider::{Providers, Upstream};
use crate::routing::{GatewayPath, PathSpan};
use crate::settings::GatewaySettings;
use crate::util::budget::BodyBudget;
use crate::util::identity::Identity;

/// The facts about a request before its body is read.
pub(crate) struct Arrival {
    pub(crate) method: Method,
    /// As the client sent it. Never shown: the query may hold a key.
    pub(crate) uri: Uri,
    pub(crate) place: GatewayPath,
    pub(crate) endpoint: Endpoint,
    /// The client's, merged over the gateway's defaults; `None` if it sent none.
    pub(crate) directives: Option<Box<Directives>>,
    /// The caller, if the host has named it.
    pub(crate) identity: Option<Identity>,
    /// `None` if nothing is set.
    pub(crate) settings: Option<Arc<GatewaySettings>>,
    /// The providers in force at the arrival; `None` if they are those of the layer.
    pub(crate) providers: Option<Arc<Providers>>,
    /// The request holds the client's own key for the provider.
    pub(crate) has_credentials: bool,
    /// The layer's memory budget for the body.
    pub(crate) body_budget: Option<BodyBudget>,
    /// The provider that the path names.
    pub(crate) native: Option<Arc<Upstream>>,
    /// The number of the client's gateway token, if it is needed.
    #[cfg_attr(
        not(any(feature = "cache", feature = "limits")),
        allow(dead_code, reason = "limits and the cache use it")
    )]
    pub(crate) token: Option<u16>,
}

impl Arrival {
    /// An arrival with a destination and nothing else.
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

/// The route's call. The operation is read from it on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Native(PathSpan),
    Unified(&'static str),
    /// The gateway's own list of models.
    Models,
    Universal,
    None,
}
