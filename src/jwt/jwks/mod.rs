//! The keys of an issuer: fetched on demand, cached and refreshed.

mod file;
mod http;
mod state;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
#[cfg(feature = "client")]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::BoxError;
#[cfg(feature = "client")]
use tower::{ServiceExt as _, service_fn};
use tower_service::Service;

use self::state::{Next, State};
use super::error::JwksError;
use super::key_set::KeySet;
#[cfg(feature = "client")]
use crate::client::HttpClient;
use crate::util::macros::setters;
use crate::util::opaque::opaque_debug;

/// How long keys from a file are cached: reading it again is cheap.
const FILE_FRESH_FOR: Duration = Duration::from_secs(60);

/// The keys of an issuer: its JWKS.
///
/// Keys from a [URL](Self::url) are cached as long as the issuer's `cache-control: max-age` says,
/// between a minute and a day, or else for an hour. Then they are fetched again while the old ones
/// remain in use. A token with an unknown key triggers a fetch at once, at most every 30 s. There
/// is one fetch at a time, in its own task; requests wait at most 5 s for it. While the issuer is
/// unreachable, cached keys remain in use for another day.
///
/// Cheap to clone; clones share their keys.
///
/// ```
/// # let keys = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
/// #     "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
/// #     "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
/// use tower_ai_gateway::jwt::Jwks;
///
/// let jwks = Jwks::from_json(keys)?;
/// # let _ = jwks;
/// assert!(Jwks::from_json("{}").is_err());
/// # Ok::<(), tower_ai_gateway::jwt::JwksError>(())
/// ```
#[derive(Clone)]
pub struct Jwks(Arc<Shared>);

/// Builds a [`Jwks`] that is fetched, with custom times.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use std::time::Duration;
/// use tower_ai_gateway::HttpClient;
/// use tower_ai_gateway::jwt::Jwks;
///
/// let jwks = Jwks::builder("https://issuer.example/keys", HttpClient::new()?)?
///     .fresh_for(Duration::from_secs(600))
///     .timeout(Duration::from_secs(2))
///     .build();
/// # let _ = jwks; }
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct JwksBuilder {
    source: Source,
    location: Location,
    bounds: Bounds,
    clock: Clock,
}

struct Shared {
    /// `None` if the keys never change.
    source: Option<Source>,
    location: Location,
    bounds: Bounds,
    clock: Clock,
    state: Mutex<State>,
}

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Location {
    Text,
    File(PathBuf),
    Url(Uri),
}

/// Timeouts and lifetimes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long keys are cached if the source does not say.
    pub(super) fresh_for: Duration,
    /// How long they remain in use after that if they cannot be fetched.
    pub(super) stale_for: Duration,
    /// The minimum time between fetches.
    pub(super) interval: Duration,
    /// The timeout of a fetch.
    pub(super) timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(3600),
            stale_for: Duration::from_secs(86_400),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}

type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;
type Fetch = Pin<Box<dyn Future<Output = Result<Fetched, JwksError>> + Send>>;
type Source = Arc<dyn Fn() -> Fetch + Send + Sync>;

/// The result of a source.
pub(super) struct Fetched {
    set: KeySet,
    /// The lifetime that the source reports.
    fresh_for: Option<Duration>,
}

/// The state of the keys for a token.
pub(super) enum Known {
    Keys(Arc<KeySet>),
    Coming(Flight),
    Failed(JwksError),
}

/// A running fetch.
#[derive(Clone)]
pub(super) struct Flight(watch::Receiver<()>);

impl Flight {
    /// Waits for its end, successful or not.
    pub(super) async fn landed(mut self) {
        // Nothing is sent: the channel closes when the sender is dropped.
        let _ = self.0.changed().await;
    }
}

impl Jwks {
    /// Keys that never change, from the text of a JWKS.
    ///
    /// # Errors
    ///
    /// If it is not a JWKS, or has no key for signatures.
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, JwksError> {
        let set = KeySet::parse(text.as_ref())?;
        let (bounds, clock): (_, Clock) = (Bounds::default(), Arc::new(Instant::now));
        let state = Mutex::new(State::holding(set, bounds.fresh_for, clock()));
        let location = Location::Text;
        Ok(Self(Arc::new(Shared { source: None, location, bounds, clock, state })))
    }

    /// Keys from a regular file of at most 1 MiB. The file is read now, which blocks, and again
    /// after a minute or if a token has an unknown key. If it is invalid then, the old keys remain
    /// in use.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a JWKS, or has no key for signatures.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, JwksError> {
        let path = path.as_ref().to_owned();
        let set = file::read(&path)?;
        let location = Location::File(path.clone());
        let source: Source = Arc::new(move || file::fetch(path.clone()));
        let keys = JwksBuilder::new(source, location).fresh_for(FILE_FRESH_FOR).build();
        let (fetched, now) = (Fetched { set, fresh_for: None }, (keys.0.clock)());
        keys.0.state().take_over(fetched, now, &keys.0.bounds);
        Ok(keys)
    }

    /// Keys from the issuer's URL, fetched with your client. Nothing is fetched yet.
    ///
    /// The client must not follow redirects; a redirect counts as a failure.
    ///
    /// # Errors
    ///
    /// If the URL is neither `https` nor `http` on this machine, or holds credentials.
    pub fn builder<C, B>(url: &str, client: C) -> Result<JwksBuilder, JwksError>
    where
        C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let url = http::checked(url)?;
        let location = Location::Url(url.clone());
        let source: Source =
            Arc::new(move || Box::pin(http::fetch(url.clone(), client.clone())) as Fetch);
        Ok(JwksBuilder::new(source, location))
    }

    /// Keys from the issuer's URL, fetched with an [`HttpClient`](crate::HttpClient) of their own
    /// without a proxy. For a proxy or another client, see [`url`](Self::url). Nothing is fetched
    /// yet.
    ///
    /// # Errors
    ///
    /// If the URL is neither `https` nor `http` on this machine, or holds credentials.
    #[cfg(feature = "client")]
    #[cfg_attr(docsrs, doc(cfg(feature = "client")))]
    pub fn from_url(url: &str) -> Result<Self, JwksError> {
        // Created at the first fetch.
        let made = Arc::new(OnceLock::<HttpClient<Full<Bytes>>>::new());
        let client = service_fn(move |request| {
            let made = made.clone();
            async move {
                let client = match made.get() {
                    Some(client) => client.clone(),
                    None => {
                        let client = HttpClient::new()?;
                        made.get_or_init(|| client).clone()
                    }
                };
                client.oneshot(request).await
            }
        });
        Self::builder(url, client).map(JwksBuilder::build)
    }

    /// Fetches the keys now, even if they are fresh, or waits for the running fetch.
    ///
    /// # Errors
    ///
    /// If they are unavailable. Cached keys remain in use.
    pub async fn refresh(&self) -> Result<(), JwksError> {
        let Some(source) = &self.0.source else { return Ok(()) };
        let running = self.0.state().flight();
        match running {
            Some(flight) => flight,
            None => self.0.start(source)?,
        }
        .landed()
        .await;
        let failure = self.0.state().failure();
        failure.map_or(Ok(()), Err)
    }

    /// The keys for a token, or the fetch to wait for.
    pub(super) fn keys(&self) -> Known {
        self.known(|state, now, bounds| Some(state.keys(now, bounds)))
            .unwrap_or(Known::Failed(JwksError::TooOld))
    }

    /// Newer keys than `seen`, which lacks a token's key; `None` if there are none.
    pub(super) fn keys_after(&self, seen: &Arc<KeySet>) -> Option<Known> {
        self.known(|state, now, bounds| state.keys_after(seen, now, bounds))
    }

    fn known(
        &self,
        ask: impl FnOnce(&mut State, Instant, &Bounds) -> Option<Next>,
    ) -> Option<Known> {
        let Shared { source, bounds, clock, .. } = &*self.0;
        let now = clock();
        // The fetch starts after the lock is released.
        let next = ask(&mut self.0.state(), now, bounds);
        let Some(source) = source else {
            return match next? {
                Next::Use(set) | Next::UseAndFetch(set) => Some(Known::Keys(set)),
                _ => self.0.state().held().map(Known::Keys),
            };
        };
        Some(match next? {
            Next::Use(set) => Known::Keys(set),
            Next::UseAndFetch(set) => {
                // The old keys are used; a failure is seen by later requests.
                let _ = self.0.start(source);
                Known::Keys(set)
            }
            Next::Wait(flight) => Known::Coming(flight),
            Next::Fetch => match self.0.start(source) {
                Ok(flight) => Known::Coming(flight),
                Err(error) => Known::Failed(error),
            },
            Next::Fail(error) => Known::Failed(error),
        })
    }

    /// The keys after a fetch, and its error if it failed.
    pub(super) fn landed(&self) -> Result<(Arc<KeySet>, Option<JwksError>), JwksError> {
        let now = (self.0.clock)();
        self.0.state().landed(now, &self.0.bounds)
    }

    /// Returns true if both come from the same URL: then each can use the other's keys.
    #[cfg(feature = "config")]
    pub(super) fn is_of_one_url(&self, other: &Self) -> bool {
        matches!(self.0.location, Location::Url(_)) && self.0.location == other.0.location
    }
}

impl JwksBuilder {
    fn new(source: Source, location: Location) -> Self {
        Self { source, location, bounds: Bounds::default(), clock: Arc::new(Instant::now) }
    }
}

setters! { impl JwksBuilder {
    /// How long keys are cached if the issuer does not say. Default: 1 hour.
    pub fn fresh_for(self, time: Duration) => self.bounds.fresh_for = time;

    /// How long keys remain in use after that if there are no newer ones. Default: 1 day.
    pub fn stale_for(self, time: Duration) => self.bounds.stale_for = time;

    /// The minimum time between fetches, whatever tokens arrive. Default: 30 s; at most 5 s while
    /// there are no keys.
    pub fn min_interval(self, time: Duration) => self.bounds.interval = time;

    /// The timeout of a fetch, and of requests that wait for it. Default: 5 s.
    pub fn timeout(self, time: Duration) => self.bounds.timeout = time;

    /// The clock by which keys age, for tests. It does not affect the timeout.
    pub fn clock(self, now: impl Fn() -> Instant + Send + Sync + 'static) =>
        self.clock = Arc::new(now);
}}

impl JwksBuilder {
    /// Creates the keys without fetching any.
    #[must_use]
    pub fn build(self) -> Jwks {
        let Self { source, location, bounds, clock } = self;
        let state = Mutex::default();
        Jwks(Arc::new(Shared { source: Some(source), location, bounds, clock, state }))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a fetch unless one is running. It continues if the request that started it ends;
    /// otherwise clients could trigger any number of fetches by hanging up.
    fn start(self: &Arc<Self>, source: &Source) -> Result<Flight, JwksError> {
        let runtime = Handle::try_current().map_err(|_| JwksError::NoRuntime)?;
        let (sender, receiver) = watch::channel(());
        let now = (self.clock)();
        let flight = match self.state().fly(Flight(receiver), now) {
            Ok(own) => own,
            Err(running) => return Ok(running),
        };
        let landing = Landing { shared: self.clone(), result: None, _sender: sender };
        runtime.spawn(fetch(source.clone(), self.bounds.timeout, landing));
        Ok(flight)
    }
}

async fn fetch(source: Source, limit: Duration, mut landing: Landing) {
    let fetched = timeout(limit, async { source().await }).await;
    landing.result = Some(fetched.unwrap_or(Err(JwksError::Timeout)));
}

/// The end of a fetch, even if it panics or its runtime ends.
struct Landing {
    shared: Arc<Shared>,
    result: Option<Result<Fetched, JwksError>>,
    /// Dropped last; that wakes the waiting requests.
    _sender: watch::Sender<()>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            let error = BoxError::from("the fetch was broken off");
            Err(JwksError::Client(error.into()))
        });
        if let Err(error) = &result {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(target: crate::TARGET, %error, source, "the keys for JWTs were not fetched");
        }
        let now = (self.shared.clock)();
        self.shared.state().land(result, now, &self.shared.bounds);
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jwks").field(&self.0.location).finish()
    }
}

opaque_debug!(JwksBuilder { location, bounds });
