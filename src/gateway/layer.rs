//! The layer, in its two positions.

use std::sync::Arc;

use http::Request;
use tower_layer::Layer;

use crate::gateway::builder::Builder;
use crate::gateway::intercept::Intercept;
use crate::gateway::service::Gateway;
use crate::gateway::settings_layer::SettingsLayer;
use crate::request::stages::Shared;
use crate::routing::RouteInfo;
use crate::settings::SettingsSource;
use crate::util::config_error::ConfigError;

/// Puts an AI gateway into a stack of services. Cheap to clone.
///
/// As it is, it wraps a client and makes a [`Gateway`]; with an
/// [`upstream`](GatewayLayer::upstream) it stands beside an app and makes an [`Intercept`]. The
/// [crate documentation](crate) shows both. **Around an app without an upstream it compiles and makes
/// no gateway**: the rewritten requests go to the app's own routes. The first 404, 405 or HTML page
/// that comes of it from an axum router is told of by a warning in the log.
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

impl<U> GatewayLayer<U> {
    /// Where the gateway would take a request; `None` where it is not the gateway's. For layers
    /// above: it reads the path and `cf-aig-gateway-id`, changes nothing, and checks nothing that
    /// the gateway checks later.
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
        let route = self.shared.route(&snapshot, request)?;
        Some(RouteInfo::of(&route, request))
    }

    /// A layer to stand above the gateway, which awaits the settings of each request on a gateway
    /// path from `source`, such as a database.
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
    /// A middleware written by hand can do the same. It goes by [`route_of`](Self::route_of), so that
    /// it costs the app's other requests nothing:
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
    /// [`ConfigError::SettingsElsewhere`] where the gateway was not built with
    /// [`settings_from_extensions`](Builder::settings_from_extensions): what the layer finds would
    /// then be passed over.
    pub fn settings_layer<K: SettingsSource>(
        &self,
        source: K,
    ) -> Result<SettingsLayer<K>, ConfigError> {
        if !self.shared.settings_above {
            return Err(ConfigError::SettingsElsewhere);
        }
        Ok(SettingsLayer::new(self.shared.clone(), source))
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
