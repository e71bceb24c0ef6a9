//! The layer, in its two positions.

use std::sync::Arc;

use tower_layer::Layer;

use crate::admit::Shared;
use crate::builder::Builder;
use crate::intercept::Intercept;
use crate::service::Gateway;

/// Puts an AI gateway into a stack of services. Cheap to clone.
///
/// As it is, it wraps a client and makes a [`Gateway`]; with an
/// [`upstream`](GatewayLayer::upstream) it stands beside an app and makes an [`Intercept`]. The
/// [crate documentation](crate) shows both.
#[derive(Clone, Debug)]
pub struct GatewayLayer<U = Around> {
    shared: Arc<Shared>,
    position: U,
}

/// The position of a [`GatewayLayer`] around a client.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Around;

/// The position of a [`GatewayLayer`] beside an app: gateway paths go to the upstream `U`.
#[derive(Clone, Debug)]
pub struct Upstream<U>(U);

impl GatewayLayer {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared), position: Around }
    }

    /// A layer to be configured, without providers.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Stands beside an app from now on: gateway paths go to `upstream`, all else to the app.
    ///
    /// `upstream` is any HTTP client service, such as `HttpClient` (feature `client`), under any
    /// layers. It is cloned for each request and driven to readiness by that request alone.
    #[must_use]
    pub fn upstream<U>(self, upstream: U) -> GatewayLayer<Upstream<U>> {
        GatewayLayer { shared: self.shared, position: Upstream(upstream) }
    }
}

impl<S> Layer<S> for GatewayLayer {
    type Service = Gateway<S>;

    fn layer(&self, client: S) -> Gateway<S> {
        Gateway::new(client, self.shared.clone())
    }
}

impl<S, U: Clone> Layer<S> for GatewayLayer<Upstream<U>> {
    type Service = Intercept<S, U>;

    fn layer(&self, app: S) -> Intercept<S, U> {
        Intercept::new(app, self.position.0.clone(), self.shared.clone())
    }
}
