//! [`JwtLayer`], the layer that checks tokens above the gateway.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderName, Request, Response, Uri};
use tower::ServiceExt as _;
use tower_layer::Layer;
use tower_service::Service;

use super::body::JwtBody;
use super::error::JwtError;
use super::verifier::JwtVerifier;
use super::{refusal, token};
use crate::credentials::TOKEN_NAME;
use crate::util::identity::Identity;
use crate::util::opaque::opaque_debug;
use crate::util::ready;
use crate::util::ready::passed_future;

/// Accepts requests with a valid token, and tells the gateway whose it is.
///
/// Add it to an axum router as the last layer, so that a request reaches it before the gateway. The
/// first of its [headers](Self::headers) that holds a JWT counts:
///
/// * The token is valid: its [`Identity`] is put into the extensions and replaces one from an outer
///   middleware. The token is removed, and so is every other token of the same issuer in these
///   headers or in those of provider keys: no provider sees it, and the gateway's stored key is
///   used instead.
/// * It is invalid: 401 in JSON, with `www-authenticate: Bearer error="invalid_token"`.
/// * The issuer's keys are unavailable: 503 with `retry-after`.
/// * There is none: 401, unless an outer middleware has put an [`Identity`] into the extensions, or
///   the layer is [optional](Self::optional).
///
/// Values that are not JWTs in `authorization`, `x-api-key`, `api-key`, `x-goog-api-key` or
/// `cf-aig-authorization` are ignored: they are provider keys or gateway tokens. If a provider's
/// key is a JWT, send it in `authorization`, and the caller's own token in an earlier header; or
/// remove `authorization` from the headers.
///
/// Preflight requests of browsers have no token: put a CORS layer outside of this one.
///
/// ```
/// # let keys = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
/// #     "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
/// #     "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
/// use tower_ai_gateway::jwt::{Jwks, JwtLayer, JwtVerifier};
///
/// let verifier = JwtVerifier::builder(Jwks::from_json(keys)?)
///     .issuer("https://issuer.example")
///     .audience("gateway")
///     .build()?;
/// let layer = JwtLayer::new(verifier).optional().except(|uri| uri.path() == "/health");
/// # let _ = layer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JwtLayer {
    shared: Arc<RwLock<Option<Arc<Checks>>>>,
    except: Option<Except>,
}

type Except = Arc<dyn Fn(&Uri) -> bool + Send + Sync>;

/// What is checked, and in which headers.
#[derive(Clone, Debug)]
struct Checks {
    verifier: JwtVerifier,
    headers: Vec<HeaderName>,
    is_required: bool,
}

impl JwtLayer {
    /// Requires a token for every request, in `cf-access-jwt-assertion`, `authorization` or
    /// `cf-aig-authorization`.
    #[must_use]
    pub fn new(verifier: JwtVerifier) -> Self {
        let headers = vec![
            HeaderName::from_static("cf-access-jwt-assertion"),
            AUTHORIZATION,
            HeaderName::from_static(TOKEN_NAME),
        ];
        Self::with(Some(Checks { verifier, headers, is_required: true }))
    }

    /// Passes every request unchanged, until it is [replaced](Self::replace).
    #[must_use]
    pub fn off() -> Self {
        Self::with(None)
    }

    fn with(checks: Option<Checks>) -> Self {
        Self { shared: Arc::new(RwLock::new(checks.map(Arc::new))), except: None }
    }

    fn checks(&self) -> Option<Arc<Checks>> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(self, change: impl FnOnce(&mut Checks)) -> Self {
        let Some(mut checks) = self.checks().map(|checks| (*checks).clone()) else { return self };
        change(&mut checks);
        Self { except: self.except, ..Self::with(Some(checks)) }
    }

    /// The headers that may hold the token, in order.
    #[must_use]
    pub fn headers(self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.change(|checks| checks.headers = headers.into_iter().collect())
    }

    /// Passes requests without a token, and without an identity. An invalid token is still refused.
    #[must_use]
    pub fn optional(self) -> Self {
        self.change(|checks| checks.is_required = false)
    }

    /// Passes requests with these targets unchecked, such as a health check or a page with its own
    /// password. An excepted gateway path is open to everyone.
    #[must_use]
    pub fn except(mut self, is_excepted: impl Fn(&Uri) -> bool + Send + Sync + 'static) -> Self {
        self.except = Some(Arc::new(is_excepted));
        self
    }

    /// Uses the checks of `other` from now on, except for what is [excepted](Self::except). Affects
    /// all clones and services of this layer; running requests keep their checks.
    pub fn replace(&self, other: &Self) {
        let checks = other.checks();
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = checks;
    }

    /// The same, but keeps keys that were fetched from the same URL: a reloaded file must not
    /// depend on an issuer that is down.
    #[cfg(feature = "config")]
    pub(crate) fn replace_and_keep_keys(&self, other: &Self) {
        let (old, mut new) = (self.checks(), other.checks());
        if let (Some(old), Some(checks)) = (old, &mut new) {
            let (kept, jwks) = (old.verifier.jwks(), checks.verifier.jwks());
            if jwks.is_of_one_url(kept) {
                let verifier = checks.verifier.with_jwks(kept.clone());
                *checks = Arc::new(Checks { verifier, ..(**checks).clone() });
            }
        }
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

impl<S> Layer<S> for JwtLayer {
    type Service = Jwt<S>;

    fn layer(&self, inner: S) -> Jwt<S> {
        Jwt { inner, layer: self.clone() }
    }
}

/// Accepts requests with a valid token. See [`JwtLayer`].
#[derive(Clone, Debug)]
pub struct Jwt<S> {
    inner: S,
    layer: JwtLayer,
}

impl Checks {
    fn accept<B>(&self, request: &mut Request<B>, token: &str, identity: Identity) {
        token::remove(request.headers_mut(), &self.headers, token, self.verifier.issuer());
        request.extensions_mut().insert(identity);
    }
}

fn refuse<B, R>(request: &Request<B>, error: &JwtError) -> Response<JwtBody<R>> {
    tracing::debug!(target: crate::TARGET, %error, "a request without a good token was refused");
    refusal::response(error, request.method(), request.uri().path())
}

impl<S, B, R> Service<Request<B>> for Jwt<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<JwtBody<R>>;
    type Error = S::Error;
    type Future = JwtFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let is_excepted = self.layer.except.as_ref().is_some_and(|except| except(request.uri()));
        let Some(checks) = self.layer.checks().filter(|_| !is_excepted) else {
            return JwtFuture::direct(self.inner.call(request));
        };
        let refused = |inner: &mut S, request: Request<B>, error: JwtError| {
            ready::give_back(inner);
            JwtFuture::slow(async move { Ok(refuse(&request, &error)) })
        };
        let token = match token::find(request.headers(), &checks.headers) {
            Ok(Some(token)) => token,
            Ok(None) if checks.is_required && request.extensions().get::<Identity>().is_none() => {
                return refused(&mut self.inner, request, JwtError::Missing);
            }
            Ok(None) => return JwtFuture::direct(self.inner.call(request)),
            Err(error) => return refused(&mut self.inner, request, error),
        };
        match checks.verifier.begin(&token) {
            Ok(Ok(identity)) => {
                checks.accept(&mut request, &token, identity);
                JwtFuture::direct(self.inner.call(request))
            }
            Ok(Err(error)) => refused(&mut self.inner, request, error),
            Err(waiting) => {
                let inner = ready::give_back(&mut self.inner);
                JwtFuture::slow(async move {
                    match waiting.finish().await {
                        Ok(identity) => {
                            checks.accept(&mut request, &token, identity);
                            inner.oneshot(request).await.map(|answer| answer.map(JwtBody::passed))
                        }
                        Err(error) => Ok(refuse(&request, &error)),
                    }
                })
            }
        }
    }
}

passed_future! {
    /// The future of [`Jwt`].
    pub struct JwtFuture<F, R, E>(F => Result<Response<JwtBody<R>>, E>)
    where {}
    poll where { F: Future<Output = Result<Response<R>, E>>, }
    |result| result.map(|response| response.map(JwtBody::passed))
}

opaque_debug!(JwtLayer { checks() });

crate::util::macros::service_accessors!(Jwt<S>, inner);
