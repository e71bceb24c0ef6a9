//! The keys of an issuer: fetched on demand, cached and refreshed.

mod builder;
mod fetch;
mod file;
mod flight;
mod http;
mod state;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
#[cfg(feature = "client")]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use tower::BoxError;
#[cfg(feature = "client")]
use tower::{ServiceExt as _, service_fn};
use tower_service::Service;

use self::builder::Bounds;
pub use self::builder::JwksBuilder;
use self::flight::Fetched;
pub(super) use self::flight::Flight;
use self::state::{Next, State};
use super::error::JwksError;
use super::key_set::KeySet;
#[cfg(feature = "client")]
use crate::client::HttpClient;

/// How long keys from a file are cached: reading it again is cheap.
const FILE_FRESH_FOR: Duration = Duration::from_secs(60);

/// The keys of an issuer: its JWKS.
///
/// Keys from a [URL](Self::builder) are cached as long as the issuer's `cache-control: max-age` says,
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

struct Shared {
    /// `None` if the keys never change.
    source: Option<Source>,
    location: Location,
    bounds: Bounds,
    clock: Clock,
    state: Mutex<State>,
}

/// Where the keys come from.
#[derive(Clone, PartialEq, Eq)]
enum Location {
    Text,
    File(PathBuf),
    Url(Uri),
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // Its query may hold a key.
            Self::Url(url) => {
                let authority = url.authority().map_or("", |authority| authority.as_str());
                write!(f, "Url({authority}{})", url.path())
            }
        }
    }
}

type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;
type Fetch = Pin<Box<dyn Future<Output = Result<Fetched, JwksError>> + Send>>;
type Source = Arc<dyn Fn() -> Fetch + Send + Sync>;

/// The state of the keys for a token.
pub(super) enum Known {
    Keys(Arc<KeySet>),
    Coming(Flight),
    Failed(JwksError),
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
    /// in use for a day; after that, every token is answered with 503 until the file is valid again.
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
    /// without a proxy. For a proxy or another client, see [`builder`](Self::builder). Nothing is fetched
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

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jwks").field(&self.0.location).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_url_is_not_shown() {
        let url = Location::Url("https://issuer.example/keys?key=hunter2".parse().unwrap());
        assert_eq!(format!("{url:?}"), "Url(issuer.example/keys)");
    }
}
