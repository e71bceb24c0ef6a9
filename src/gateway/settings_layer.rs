//! A layer above the gateway that awaits the settings of each request.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, StatusCode};
use tower::ServiceExt as _;
use tower_layer::Layer;
use tower_service::Service;

use crate::rejection::Refusal;
use crate::request::stages::Shared;
use crate::response::messages;
use crate::settings::{
    GatewaySettings, OwnedSettingsQuery, SettingsQuery, SettingsResolver, SettingsSource,
};
use crate::util::opaque::opaque_debug;
use crate::util::patience::Patience;
use crate::util::ready;
use crate::util::ready::passed_future;
use crate::util::unwind;

/// The default deadline of a source.
const DEADLINE: Duration = Duration::from_secs(5);

/// Takes the settings of a gateway from the extensions, where a layer above has put them.
pub(crate) struct FromExtensions;

impl SettingsResolver for FromExtensions {
    fn resolve(&self, query: &SettingsQuery<'_>) -> Result<Arc<GatewaySettings>, Refusal> {
        let settings = query.extensions.get::<Arc<GatewaySettings>>();
        settings.cloned().ok_or_else(no_settings)
    }
}

fn no_settings() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, messages::NO_SETTINGS).name("gateway_error")
}

fn too_late() -> Refusal {
    Refusal::unavailable(
        "The gateway could not load its settings in time; nothing was sent. Try again.",
    )
}

/// Awaits the settings of each request on a gateway path, above the gateway. Created by
/// [`GatewayLayer::settings_layer`](crate::GatewayLayer::settings_layer).
///
/// It inserts the settings into the request's extensions as an `Arc<GatewaySettings>`, or a
/// [`Refusal`], which the gateway then answers with. Requests that are not for the gateway, or that
/// a layer above has already refused, pass unchanged.
///
/// If a source takes longer than the [deadline](Self::deadline), it is dropped and the request is
/// answered with 503, code 2503; if it panics, with 500, code 2500.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tower_ai_gateway::settings::{GatewaySettings, OwnedSettingsQuery};
/// use tower_ai_gateway::{GatewayLayer, Provider, Refusal};
///
/// async fn find(_: OwnedSettingsQuery) -> Result<Arc<GatewaySettings>, Refusal> {
///     Ok(Arc::default()) // … from a database …
/// }
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).settings_from_extensions().build()?;
/// let settings = gateway.settings_layer(find)?.deadline(Duration::from_secs(1));
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
pub struct SettingsLayer<K> {
    shared: Arc<Shared>,
    source: Arc<K>,
    deadline: Duration,
}

impl<K: SettingsSource> SettingsLayer<K> {
    pub(crate) fn new(shared: Arc<Shared>, source: K) -> Self {
        Self { shared, source: Arc::new(source), deadline: DEADLINE }
    }

    /// How long the source may take per request. Default: 5 s.
    ///
    /// It uses tokio's timer: without the features `client` and `control`, and outside of a tokio
    /// runtime, the source must bound its own time.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

impl<K> Clone for SettingsLayer<K> {
    fn clone(&self) -> Self {
        let Self { shared, source, deadline } = self;
        Self { shared: shared.clone(), source: source.clone(), deadline: *deadline }
    }
}

opaque_debug!(SettingsLayer<K> { deadline });

impl<S, K> Layer<S> for SettingsLayer<K> {
    type Service = WithSettings<S, K>;

    fn layer(&self, inner: S) -> WithSettings<S, K> {
        WithSettings { inner, layer: self.clone() }
    }
}

/// Awaits the settings of requests. See [`SettingsLayer`].
pub struct WithSettings<S, K> {
    inner: S,
    layer: SettingsLayer<K>,
}

impl<S: Clone, K> Clone for WithSettings<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, K> fmt::Debug for WithSettings<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSettings")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl<S, K, B> Service<Request<B>> for WithSettings<S, K>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    K: SettingsSource,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SettingsFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> SettingsFuture<S, B> {
        // Only this layer's settings count: remove those that came from above.
        let Some(query) = self.layer.shared.settings_wanted(&request) else {
            return SettingsFuture::direct(self.inner.call(request));
        };
        request.extensions_mut().remove::<Arc<GatewaySettings>>();
        let SettingsLayer { source, deadline, .. } = self.layer.clone();
        // Give the readiness back: a source may be slow.
        let service = ready::give_back(&mut self.inner);
        SettingsFuture::slow(async move {
            match find(source, query, deadline).await {
                Ok(settings) => drop(request.extensions_mut().insert(settings)),
                Err(refusal) => drop(request.extensions_mut().insert(refusal)),
            }
            service.oneshot(request).await
        })
    }
}

/// Asks the source, with the deadline.
async fn find<K: SettingsSource>(
    source: Arc<K>,
    query: OwnedSettingsQuery,
    deadline: Duration,
) -> Result<Arc<GatewaySettings>, Refusal> {
    let mut find = pin!(unwind::run(|| source.find(query)));
    let mut patience = Patience::new(Some(deadline));
    poll_fn(|cx| match find.as_mut().poll(cx) {
        Poll::Ready(found) => Poll::Ready(found.unwrap_or_else(|_| Err(no_settings()))),
        Poll::Pending => patience.poll_end(cx).map(|()| Err(too_late())),
    })
    .await
}

passed_future! {
    /// The future of [`WithSettings`].
    pub struct SettingsFuture<S, B>(S::Future => Result<S::Response, S::Error>)
    where { S: Service<Request<B>>, }
    poll where {} |result| result
}

crate::util::macros::service_accessors!(WithSettings<S, K>, inner);
