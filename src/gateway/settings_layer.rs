//! A layer above the gateway that awaits the settings of each request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, StatusCode};
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_layer::Layer;
use tower_service::Service;

use crate::rejection::Refusal;
use crate::request::stages::Shared;
use crate::response::messages;
use crate::settings::{GatewaySettings, SettingsQuery, SettingsResolver, SettingsSource};
use crate::util::patience::Patience;
use crate::util::ready;
use crate::util::unwind;

/// How long a source may take, unless the host says else.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a layer above has put into the extensions: the settings of a gateway that takes them from
/// there.
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
        "The gateway could not find its settings in time; nothing was sent. Try again.",
    )
}

/// Awaits the settings of each request on a gateway path, above the gateway. Made by
/// [`GatewayLayer::settings_layer`](crate::GatewayLayer::settings_layer).
///
/// Settings go into the extensions of the request, as an `Arc<GatewaySettings>`, and so does a
/// [`Refusal`], which the gateway then answers with. Requests that are none of the gateway's, and
/// those that a layer above has refused already, pass as they are.
///
/// A source that takes longer than the [deadline](Self::deadline) is dropped and answered for with
/// 503, code 2503; one that panics with 500, code 2500.
pub struct SettingsLayer<K> {
    shared: Arc<Shared>,
    source: Arc<K>,
    deadline: Duration,
}

impl<K: SettingsSource> SettingsLayer<K> {
    pub(crate) fn new(shared: Arc<Shared>, source: K) -> Self {
        Self { shared, source: Arc::new(source), deadline: DEADLINE }
    }

    /// How long the source may take for one request. Default: 5 s.
    ///
    /// The timer is tokio's: without the features `client` and `control`, and outside of tokio's
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

impl<K> fmt::Debug for SettingsLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsLayer").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

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
    S: Service<Request<B>> + Clone,
    K: SettingsSource,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SettingsFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> SettingsFuture<S, B> {
        // Only this layer's own answer counts, for this request's own gateway.
        let Some(query) = self.layer.shared.settings_wanted(&request) else {
            return SettingsFuture { state: State::Direct { call: self.inner.call(request) } };
        };
        request.extensions_mut().remove::<Arc<GatewaySettings>>();
        let source = self.layer.source.clone();
        let find = async move { unwind::run(|| source.find(query)).await };
        let finding = Finding {
            find: Box::pin(async move { find.await.unwrap_or_else(|_| Err(no_settings())) }),
            patience: Patience::new(Some(self.layer.deadline)),
            request,
            // Nobody knows how long a source takes: a readiness is not held for that time.
            service: ready::give_back(&mut self.inner),
        };
        SettingsFuture { state: State::Finding { finding: Some(Box::new(finding)) } }
    }
}

/// A request that waits for its settings.
struct Finding<S, B> {
    find: Pin<Box<dyn Future<Output = Result<Arc<GatewaySettings>, Refusal>> + Send>>,
    patience: Patience,
    request: Request<B>,
    service: S,
}

impl<S, B> Finding<S, B> {
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<GatewaySettings>, Refusal>> {
        let found = self.find.as_mut().poll(cx);
        if found.is_ready() {
            return found;
        }
        self.patience.poll_end(cx).map(|()| Err(too_late()))
    }
}

pin_project! {
    /// The future of [`WithSettings`].
    #[must_use = "futures do nothing unless polled"]
    pub struct SettingsFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Direct { #[pin] call: S::Future },
        // Boxed, for the head of a request alone is larger than all the rest.
        Finding { finding: Option<Box<Finding<S, B>>> },
        Found { call: Pin<Box<Oneshot<S, Request<B>>>> },
    }
}

impl<S, B> Future for SettingsFuture<S, B>
where
    S: Service<Request<B>>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Direct { call } => return call.poll(cx),
                StateProjection::Found { call } => return call.as_mut().poll(cx),
                StateProjection::Finding { finding } => {
                    let Some(waiting) = finding.as_mut() else { return Poll::Pending };
                    let found = ready!(waiting.poll_found(cx));
                    let Some(waiting) = finding.take() else { return Poll::Pending };
                    let Finding { find, mut request, service, .. } = *waiting;
                    // A source that is too late need not be kept while its request is answered.
                    drop(find);
                    match found {
                        Ok(settings) => drop(request.extensions_mut().insert(settings)),
                        Err(refusal) => drop(request.extensions_mut().insert(refusal)),
                    }
                    State::Found { call: Box::pin(Oneshot::new(service, request)) }
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for SettingsFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsFuture").finish_non_exhaustive()
    }
}
