//! The layer around a client, for a stack of layers.

use tower_layer::Layer;

use super::GatewayLayer;
use crate::gateway::service::Gateway;

/// The gateway around an HTTP client: it wraps the client in a [`Gateway`].
///
/// Created by [`GatewayLayer::client_layer`], for a stack of layers. [`GatewayLayer::around`] takes
/// a client directly and checks its body type. The innermost service of the stack must be the
/// client: an app in its place would answer the gateway's requests, mostly with 404.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer};
/// use tower_ai_gateway::{GatewayLayer, HttpClient, Provider, RequestBody};
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let client: HttpClient<RequestBody<Full<Bytes>>> = HttpClient::new()?;
/// let service = ServiceBuilder::new()
///     .layer(ConcurrencyLimitLayer::new(64)) // of all requests, the gateway's and others
///     .layer(gateway.client_layer())
///     .service(client);
/// # let _ = service; }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ClientLayer {
    pub(super) gateway: GatewayLayer,
}

impl ClientLayer {
    /// The gateway, for example to call [`GatewayLayer::route_of`].
    pub fn gateway(&self) -> &GatewayLayer {
        &self.gateway
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = Gateway<S>;

    fn layer(&self, client: S) -> Gateway<S> {
        Gateway::with(client, self.gateway.shared.clone())
    }
}
