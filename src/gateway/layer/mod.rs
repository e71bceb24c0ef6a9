//! The gateway as a layer: beside an app and around a client.

pub(crate) mod builder;
mod client;
mod intercept;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use self::builder::GatewayLayerBuilder;
pub use self::client::ClientLayer;
pub use self::intercept::InterceptLayer;
use crate::gateway::service::Gateway;
use crate::gateway::settings_layer::SettingsLayer;
use crate::request::body::RequestBody;
use crate::request::stages::Shared;
use crate::routing::RouteInfo;
use crate::settings::SettingsSource;
use crate::util::config_error::ConfigError;

/// An AI gateway, to be placed beside an app or around an HTTP client. Cheap to clone.
///
/// | place | made by | service |
/// |---|---|---|
/// | beside an app | [`upstream`](Self::upstream), an [`InterceptLayer`] | [`Intercept`](crate::Intercept) |
/// | around a client | [`around`](Self::around) | [`Gateway`] |
/// | around a client, in a stack of layers | [`client_layer`](Self::client_layer), a [`ClientLayer`] | [`Gateway`] |
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use axum::Router;
/// use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let app: Router = Router::new().layer(gateway.upstream(HttpClient::new()?));
/// # let _ = app; }
/// # Ok(()) }
/// ```
///
/// It is not a [`Layer`] by itself. Without an upstream, an app would receive the rewritten
/// requests and answer them with its own 404, so this does not compile:
///
/// ```compile_fail,E0277
/// # use axum::Router;
/// # use tower_ai_gateway::{GatewayLayer, Provider};
/// # let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
/// let app: Router = Router::new().layer(gateway);
/// ```
#[derive(Clone, Debug)]
pub struct GatewayLayer {
    shared: Arc<Shared>,
}

impl GatewayLayer {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Starts the configuration of a layer, without a provider.
    pub fn builder() -> GatewayLayerBuilder {
        GatewayLayerBuilder::new()
    }

    /// Returns the layer to put beside an app: requests on gateway paths go to `upstream`, all
    /// others to the app.
    ///
    /// `upstream` is any HTTP client service, such as `HttpClient` (feature `client`), with any
    /// layers around it. It is cloned for each request and polled to readiness by that request.
    ///
    /// Around the whole of an axum router, its bodies mapped to axum's, it takes a few allocations fewer
    /// per request than with `Router::layer`:
    ///
    /// ```
    /// # use axum::Router;
    /// # use tower_ai_gateway::{GatewayLayer, Provider};
    /// use tower::ServiceBuilder;
    /// use tower_http::map_response_body::MapResponseBodyLayer;
    ///
    /// # fn app<C>(gateway: GatewayLayer, client: C, router: Router) -> Router
    /// # where
    /// #     C: tower::Service<http::Request<tower_ai_gateway::RequestBody<axum::body::Body>>,
    /// #         Response = http::Response<axum::body::Body>> + Clone + Send + Sync + 'static,
    /// #     C::Future: Send,
    /// #     C::Error: Into<tower::BoxError>,
    /// # {
    /// let service = ServiceBuilder::new()
    ///     .layer(MapResponseBodyLayer::new(axum::body::Body::new))
    ///     .layer(gateway.upstream(client))
    ///     .service(router);
    /// let app: Router = Router::new().fallback_service(service);
    /// # app }
    /// ```
    ///
    /// An upstream that is not `Clone` is refused here. Wrap it in tower's `Buffer`, which is:
    ///
    /// ```compile_fail,E0277
    /// # use tower_ai_gateway::{GatewayLayer, Provider};
    /// struct Client; // not `Clone`
    /// # let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    /// let layer = gateway.upstream(Client);
    /// ```
    pub fn upstream<U: Clone>(self, upstream: U) -> InterceptLayer<U> {
        InterceptLayer { gateway: self, upstream }
    }

    /// Puts the gateway around an HTTP client: it rewrites requests on gateway paths and sends them
    /// with `client`.
    ///
    /// An error type of your own must be boxed, because only then does the gateway read its sources:
    /// `MapErr::new(client, BoxError::from)`, both from tower.
    ///
    /// The client takes requests with a [`RequestBody`] around the caller's body `B`. `B` is
    /// inferred if the client has one body type. Name it if the client takes any body and nothing
    /// else determines it:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "client")] {
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
    ///
    /// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
    /// let service = gateway.around::<Full<Bytes>, _>(HttpClient::new()?);
    /// # let _ = service; }
    /// # Ok(()) }
    /// ```
    ///
    /// A client for other bodies is refused here, not when the first request is sent:
    ///
    /// ```compile_fail,E0277
    /// # use bytes::Bytes;
    /// # use http_body_util::Full;
    /// # use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
    /// # let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    /// let client: HttpClient<Full<Bytes>> = HttpClient::new().unwrap();
    /// let service = gateway.around(client); // it wants `HttpClient<RequestBody<Full<Bytes>>>`
    /// ```
    pub fn around<B, C>(&self, client: C) -> Gateway<C>
    where
        C: Service<Request<RequestBody<B>>> + Clone,
        B: Body<Data = Bytes>,
    {
        self.client_layer().layer(client)
    }

    /// Returns the layer that puts a [`Gateway`] around an HTTP client, for a stack of layers. See
    /// [`ClientLayer`] for an example. An error type of your own must be boxed below it:
    /// `.layer(gateway.client_layer()).map_err(BoxError::from)`.
    pub fn client_layer(&self) -> ClientLayer {
        ClientLayer { gateway: self.clone() }
    }

    /// Where the gateway would send a request; `None` if it is not for the gateway. For layers
    /// above. It reads the path and `cf-aig-gateway-id`, changes nothing, and does none of the
    /// gateway's later checks.
    ///
    /// ```
    /// use http::Request;
    /// use tower_ai_gateway::{GatewayLayer, Operation, Provider};
    ///
    /// let gateway = GatewayLayer::builder().provider(Provider::google_ai_studio()).build()?;
    /// let path = "/v1/acct/gw/google-ai-studio/v1beta/models/gemini-2.5-pro:generateContent";
    /// let route = gateway.route_of(&Request::post(path).body(())?).unwrap();
    /// assert_eq!((route.account(), route.gateway()), (Some("acct"), "gw"));
    /// assert_eq!(route.provider(), Some("google-ai-studio"));
    /// assert_eq!(route.model(), Some("gemini-2.5-pro"));
    ///
    /// assert!(gateway.route_of(&Request::get("/v1/users/42/posts").body(())?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn route_of<B>(&self, request: &Request<B>) -> Option<RouteInfo> {
        let snapshot = self.shared.snapshot();
        let route = snapshot.route(request)?;
        Some(RouteInfo::of(&route, request))
    }

    /// Returns a layer to put above the gateway. It awaits the settings of each request on a
    /// gateway path from `source`, such as a database.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use axum::Router;
    /// use tower_ai_gateway::settings::{GatewaySettings, OwnedSettingsQuery};
    /// use tower_ai_gateway::{ConfigError, GatewayLayer, Provider, Refusal};
    ///
    /// # #[cfg(feature = "client")]
    /// # fn app() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tower_ai_gateway::HttpClient;
    /// async fn find(query: OwnedSettingsQuery) -> Result<Arc<GatewaySettings>, Refusal> {
    ///     // … ask the database …
    ///     match &*query.gateway {
    ///         "main" => Ok(Arc::new(GatewaySettings::default())),
    ///         other => Err(Refusal::unknown_gateway(other)),
    ///     }
    /// }
    ///
    /// let gateway = GatewayLayer::builder()
    ///     .provider(Provider::xai())
    ///     .settings_from_extensions()
    ///     .build()?;
    /// let settings = gateway.settings_layer(find)?;
    /// let app: Router = Router::new()
    ///     .layer(gateway.upstream(HttpClient::new()?))
    ///     .layer(settings); // in axum, the layer that is added last sees a request first
    /// # let _ = app;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Your own middleware can do the same. With [`route_of`](Self::route_of) it costs the app's
    /// other requests nothing:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use axum::Router;
    /// use axum::extract::{Request, State};
    /// use axum::middleware::{Next, from_fn_with_state};
    /// use axum::response::Response;
    /// use tower_ai_gateway::settings::GatewaySettings;
    /// use tower_ai_gateway::{GatewayLayer, Provider, Refusal};
    ///
    /// # #[derive(Clone)] struct Database;
    /// # impl Database {
    /// #     async fn settings(&self, _: &str) -> Result<Option<Arc<GatewaySettings>>, std::io::Error> { Ok(None) }
    /// # }
    /// async fn find_settings(
    ///     State((gateway, database)): State<(GatewayLayer, Database)>,
    ///     mut request: Request,
    ///     next: Next,
    /// ) -> Response {
    ///     if let Some(route) = gateway.route_of(&request) {
    ///         let found = match database.settings(route.gateway()).await {
    ///             Ok(Some(settings)) => Ok(settings),
    ///             Ok(None) => Err(Refusal::unknown_gateway(route.gateway())),
    ///             Err(_) => Err(Refusal::unavailable("Try again in a moment.")),
    ///         };
    ///         match found {
    ///             Ok(settings) => drop(request.extensions_mut().insert(settings)),
    ///             Err(refusal) => drop(request.extensions_mut().insert(refusal)),
    ///         }
    ///     }
    ///     next.run(request).await
    /// }
    ///
    /// # #[cfg(feature = "client")]
    /// # fn app(database: Database) -> Result<(), Box<dyn std::error::Error>> {
    /// # use tower_ai_gateway::HttpClient;
    /// let gateway = GatewayLayer::builder()
    ///     .provider(Provider::xai())
    ///     .settings_from_extensions()
    ///     .build()?;
    /// let app: Router = Router::new()
    ///     .layer(gateway.clone().upstream(HttpClient::new()?))
    ///     .layer(from_fn_with_state((gateway, database), find_settings));
    /// # let _ = app;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::SettingsNotFromExtensions`] if the gateway was not built with
    /// [`settings_from_extensions`](GatewayLayerBuilder::settings_from_extensions): it would then
    /// ignore what the layer finds.
    pub fn settings_layer<K: SettingsSource>(
        &self,
        source: K,
    ) -> Result<SettingsLayer<K>, ConfigError> {
        if !self.shared.settings_above {
            return Err(ConfigError::SettingsNotFromExtensions);
        }
        Ok(SettingsLayer::new(self.shared.clone(), source))
    }
}

/// No type implements it, so that the compiler's message says what a `GatewayLayer` lacks to be a
/// [`Layer`].
#[diagnostic::on_unimplemented(
    message = "a `GatewayLayer` by itself is not a `Layer`: it has no upstream",
    label = "the gateway would use this service as its HTTP client",
    note = "beside an app: `.layer(gateway.upstream(client))`",
    note = "around an HTTP client: `gateway.around(client)`, or `.layer(gateway.client_layer())` in a `ServiceBuilder`"
)]
pub trait HasUpstream {}

#[doc(hidden)]
impl<S: HasUpstream> Layer<S> for GatewayLayer {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}
