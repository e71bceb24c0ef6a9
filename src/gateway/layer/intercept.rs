//! The layer beside an app.

use tower_layer::Layer;

use super::GatewayLayer;
use crate::gateway::intercept::Intercept;

/// The gateway beside an app: requests on gateway paths go to the upstream `U`, all others to the
/// app.
///
/// Created by [`GatewayLayer::upstream`]. It wraps the app in an [`Intercept`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use axum::Router;
/// use axum::body::Body;
/// use tower_ai_gateway::{GatewayLayer, HttpClient, InterceptLayer, Provider, RequestBody};
///
/// fn gateway() -> Result<InterceptLayer<HttpClient<RequestBody<Body>>>, Box<dyn std::error::Error>> {
///     let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
///     Ok(gateway.upstream(HttpClient::new()?))
/// }
///
/// let app: Router = Router::new().layer(gateway()?);
/// # let _ = app; }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct InterceptLayer<U> {
    pub(super) gateway: GatewayLayer,
    pub(super) upstream: U,
}

impl<U> InterceptLayer<U> {
    /// The gateway, for example to call [`GatewayLayer::route_of`].
    pub fn gateway(&self) -> &GatewayLayer {
        &self.gateway
    }
}

impl<S, U: Clone> Layer<S> for InterceptLayer<U> {
    type Service = Intercept<S, U>;

    fn layer(&self, app: S) -> Intercept<S, U> {
        Intercept::with(app, self.upstream.clone(), self.gateway.shared.clone())
    }
}
