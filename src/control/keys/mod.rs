//! Keys from a secret manager: fetched on demand, and cached while they are valid.

mod cache;
mod error;
mod source;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer;
use tower_service::Service;

use self::cache::{Cache, fetch_once};
pub use self::error::KeyError;
use self::source::OwnExtensions;
pub use self::source::{FetchedKey, KeyQuery, KeyScope, KeySource};
use crate::context::GatewayContext;
use crate::credentials;
use crate::credentials::secret::Secret;
use crate::provider::Upstream;
use crate::settings::keys::DEFAULT_ALIAS;
use crate::util::ready;
use crate::util::ready::{Boxed, passed_future};
use crate::util::unwind;

/// Gives each gateway request without a key for its provider one from a [`KeySource`].
///
/// Put it directly around the client, below all other control layers, so that each fallback step
/// gets its own provider's key, and each base URL the key that the source has for it. Above a layer
/// that chooses among base URLs it has the request stay at the one that it goes to. Keys are cached as long as the source says, and the absence of a
/// key for 10 s. Requests that arrive during a fetch wait for that fetch. Gateways opt in with
/// [`keys_from_layer`](crate::settings::GatewaySettingsBuilder::keys_from_layer); other gateways
/// with settings get no keys.
///
/// ```
/// # use tower::{BoxError, ServiceExt as _};
/// # use tower_ai_gateway::control::{FetchedKey, KeyQuery, KeySource};
/// # struct Vault;
/// # impl KeySource for Vault {
/// #     async fn fetch(&self, _: KeyQuery) -> Result<Option<FetchedKey>, BoxError> { Ok(None) }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use axum::Router;
/// use tower::ServiceBuilder;
/// use tower_ai_gateway::control::{ControlLayer, KeyLayer};
/// use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let upstream = ServiceBuilder::new()
///     .layer(ControlLayer::new())
///     .layer(KeyLayer::new(Vault))
///     .service(HttpClient::new()?);
/// let app: Router = Router::new().layer(gateway.upstream(upstream));
/// # let _ = app; }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct KeyLayer<K> {
    cache: Arc<Cache<K>>,
}

impl<K: KeySource> KeyLayer<K> {
    /// Creates the layer. All its services share the cache.
    #[must_use]
    pub fn new(source: K) -> Self {
        Self { cache: Arc::new(Cache::new(source)) }
    }
}

impl<K> Clone for KeyLayer<K> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone() }
    }
}

impl<S, K> Layer<S> for KeyLayer<K> {
    type Service = WithKey<S, K>;

    fn layer(&self, inner: S) -> WithKey<S, K> {
        WithKey { inner, cache: self.cache.clone() }
    }
}

/// Adds keys to requests. See [`KeyLayer`].
pub struct WithKey<S, K> {
    inner: S,
    cache: Arc<Cache<K>>,
}

impl<S: Clone, K> Clone for WithKey<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), cache: self.cache.clone() }
    }
}

impl<S: fmt::Debug, K> fmt::Debug for WithKey<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithKey").field("inner", &self.inner).field("cache", &self.cache).finish()
    }
}

impl<S, K, B, R> Service<Request<B>> for WithKey<S, K>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
    K: KeySource,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = KeyFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> KeyFuture<S, B> {
        let Some(fetch) = put_known(&mut request, &self.cache).transpose() else {
            return KeyFuture::direct(self.inner.call(request));
        };
        // Give the readiness back: a source may be slow.
        let service = ready::give_back(&mut self.inner);
        KeyFuture::slow(async move {
            put(&mut request, fetch?.await?)?;
            service.oneshot(request).await.map_err(Into::into)
        })
    }
}

passed_future! {
    /// The future of [`WithKey`].
    pub struct KeyFuture<S, B>(S::Future => Result<S::Response, BoxError>)
    where { S: Service<Request<B>>, }
    poll where { S::Error: Into<BoxError>, } |result| result.map_err(Into::into)
}

/// In the extensions of a request: its key is for the place that it goes to, and no layer below may
/// choose another.
#[derive(Clone, Copy)]
pub(super) struct KeyOfPlace;

/// A running fetch of a key.
type Fetch = Boxed<Result<Option<Secret>, KeyError>>;

/// Adds the key if the request needs one and it is cached; otherwise returns the fetch.
fn put_known<B, K: KeySource>(
    request: &mut Request<B>,
    cache: &Arc<Cache<K>>,
) -> Result<Option<Fetch>, KeyError> {
    let Some(query) = wanted(request, cache)? else { return Ok(None) };
    if query.extensions().is_some() {
        return Ok(Some(Box::pin(fetch_once(cache.clone(), query))));
    }
    match cache.look_up(&query) {
        Ok(key) => put(request, key).map(|()| None),
        Err(pending) => Ok(Some(Box::pin(pending.wait(cache.clone(), query)))),
    }
}

fn place<B>(request: &Request<B>) -> Option<(&GatewayContext, &Upstream)> {
    let context = request.extensions().get::<GatewayContext>()?;
    Some((context, &**context.upstream()?))
}

/// The query for the key that a request lacks.
fn wanted<B, K: KeySource>(
    request: &Request<B>,
    cache: &Cache<K>,
) -> Result<Option<KeyQuery>, KeyError> {
    let Some((context, upstream)) = place(request) else { return Ok(None) };
    // A gateway whose settings require no token must opt in before everybody can use keys through it.
    if context.settings().is_some_and(|settings| !settings.takes_keys_from_layer) {
        return Ok(None);
    }
    let own = upstream.own_key_header().name();
    if credentials::sent(request.headers(), own).is_some() {
        return Ok(None);
    }
    let scope = unwind::call(|| cache.source().scope(request.extensions()));
    let (scope, own) = match scope.map_err(|error| KeyError::source_failed(error.into()))? {
        KeyScope::Shared => (None, None),
        KeyScope::Named(name) => (Some(name), None),
        KeyScope::Request => (None, Some(Box::new(request.extensions().clone()))),
    };
    Ok(Some(KeyQuery {
        account: context.account().map(Box::from),
        gateway: context.gateway().into(),
        provider: upstream.slug().into(),
        base_url: upstream.origin_of(request.uri()).base().into(),
        alias: context.key_alias().unwrap_or(DEFAULT_ALIAS).into(),
        // If the source sees the identity, it is part of the cache key.
        identity: context.identity().filter(|_| cache.depends_on_identity()).cloned(),
        scope,
        extensions: OwnExtensions(own),
    }))
}

fn put<B>(request: &mut Request<B>, key: Option<Secret>) -> Result<(), KeyError> {
    let key = key.ok_or(KeyError::NoKey)?;
    let Some((context, upstream)) = place(request) else { return Ok(()) };
    let header = upstream.key_header(context.way(), context.provider_path()).clone();
    let has_several = upstream.has_several_origins();
    header.insert(request.headers_mut(), &key);
    if has_several {
        request.extensions_mut().insert(KeyOfPlace);
    }
    Ok(())
}

crate::util::macros::service_accessors!(WithKey<S, K>, inner);
