//! The location of a Redis server, in `[limits]` and `[cache]`.

use std::fmt;
#[cfg(feature = "redis")]
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::error::ConfigFileErrorKind as Kind;
use super::pem_file::PemFile;
use super::place::{Located as _, Mistake, Source, Table, Text};
use super::secret_place::SecretTable;
use super::value::Milliseconds;
use crate::credentials::secret::Secret;
use crate::settings::digest;

/// A URL may contain a password.
pub(super) type Url = SecretTable;

pub(super) type Deadline = Milliseconds<1, 10_000>;

/// The Redis settings of a section, as its file has them.
pub(super) struct RawRedis {
    pub(super) redis: Option<Table<Url>>,
    pub(super) cluster: Option<Vec<Table<Url>>>,
    /// The certificate authorities to trust.
    pub(super) ca: Option<Table<PemFile>>,
    /// The client certificate, and its key.
    pub(super) identity: Option<Table<PemFile>>,
    pub(super) deadline: Option<Deadline>,
    pub(super) prefix: Option<Text>,
}

/// The Redis settings of a section.
#[derive(Clone)]
pub(super) struct RedisAt {
    /// One URL, or those of some nodes of a cluster.
    pub(super) urls: Vec<Secret>,
    pub(super) is_cluster: bool,
    pub(super) ca: Option<String>,
    /// A certificate and its key.
    pub(super) identity: Option<String>,
    pub(super) deadline: Option<Duration>,
    pub(super) prefix: Option<String>,
}

/// Applies all settings to a store's builder: the builders of limits and cache have the same
/// methods.
#[cfg(feature = "redis")]
macro_rules! builder_at {
    ($store:ident, $at:expr) => {{
        let at: &RedisAt = $at;
        let mut texts = at.texts();
        let mut builder = match (at.is_cluster, texts.next()) {
            (false, Some(url)) => $store::builder(url),
            (_, first) => $store::cluster(first.into_iter().chain(texts)),
        };
        if let Some(pem) = at.ca.as_deref() {
            builder = builder.roots_pem(pem);
        }
        if let Some(pem) = at.identity.as_deref() {
            builder = builder.identity_pem(pem, pem);
        }
        if let Some(timeout) = at.deadline {
            builder = builder.timeout(timeout);
        }
        if let Some(prefix) = at.prefix.as_deref() {
            builder = builder.prefix(prefix);
        }
        builder
    }};
}

#[cfg(feature = "redis")]
pub(super) use builder_at;

impl RedisAt {
    /// `None` if the section names no Redis. `place`: of the section.
    pub(super) fn read(
        place: &Spanned<()>,
        raw: RawRedis,
        source: &Source<'_>,
    ) -> Result<Option<Self>, Mistake> {
        let RawRedis { redis, cluster, ca, identity, deadline, prefix } = raw;
        let (urls, is_cluster) = match (redis, cluster) {
            (None, None) => {
                let alone = "it is only for `redis` and `redis_cluster`";
                if let Some(prefix) = &prefix {
                    return Err(prefix.refuse(Kind::Conflict, alone));
                }
                if let Some(file) = ca.or(identity) {
                    return Err(file.refuse(Kind::Conflict, alone));
                }
                if deadline.is_some() {
                    return Err(
                        place.refuse(Kind::Conflict, format_args!("`deadline_ms`: {alone}"))
                    );
                }
                return Ok(None);
            }
            (Some(url), None) => (vec![url], false),
            (None, Some(urls)) if !urls.is_empty() => (urls, true),
            (None, Some(_)) => {
                return Err(place.refuse(Kind::Value, "a cluster needs at least one node"));
            }
            (Some(url), Some(_)) => {
                return Err(url.refuse(
                    Kind::Conflict,
                    "it must have either `redis` or `redis_cluster`, not both",
                ));
            }
        };
        let mut read = Vec::with_capacity(urls.len());
        for url in &urls {
            let Some(place) = url.secret_place()? else {
                return Err(
                    url.refuse(Kind::Missing, "a URL of Redis must have either `env` or `file`")
                );
            };
            read.push(place.read(source)?);
        }
        let pem =
            |file: Option<Table<PemFile>>| file.map(|file| file.fields.read(source)).transpose();
        let (ca, identity) = (pem(ca)?, pem(identity)?);
        let deadline = deadline.map(|deadline| deadline.0);
        let prefix = prefix.map(Spanned::into_inner);
        Ok(Some(Self { urls: read, is_cluster, ca, identity, deadline, prefix }))
    }

    /// The URLs in clear.
    #[cfg(feature = "redis")]
    pub(super) fn texts(&self) -> std::vec::IntoIter<String> {
        let text = |url: &Secret| String::from_utf8_lossy(url.plain().as_bytes()).into_owned();
        self.urls.iter().map(text).collect::<Vec<_>>().into_iter()
    }

    /// All settings, with secrets as digests, for comparing them.
    fn given(&self) -> (bool, Vec<[u8; 32]>, Option<Duration>, Option<&str>) {
        let urls = self.urls.iter().map(|url| url.plain().as_bytes());
        let pems = [&self.ca, &self.identity].map(|pem| pem.as_deref().unwrap_or_default());
        let digests = urls.chain(pems.map(str::as_bytes)).map(digest).collect();
        (self.is_cluster, digests, self.deadline, self.prefix.as_deref())
    }
}

impl PartialEq for RedisAt {
    fn eq(&self, other: &Self) -> bool {
        self.given() == other.given()
    }
}

impl fmt::Debug for RedisAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAt")
            .field("urls", &self.urls.len())
            .field("is_cluster", &self.is_cluster)
            .field("has_ca", &self.ca.is_some())
            .field("has_identity", &self.identity.is_some())
            .field("deadline", &self.deadline)
            .field("prefix", &self.prefix)
            .finish()
    }
}

/// A store that connects at its first request. Equal to another that has the same settings.
#[cfg(feature = "redis")]
#[derive(Debug)]
pub(super) struct StoreAt<S> {
    pub(super) store: Arc<S>,
    at: RedisAt,
}

#[cfg(feature = "redis")]
impl<S> StoreAt<S> {
    pub(super) fn new(store: S, at: RedisAt) -> Self {
        Self { store: Arc::new(store), at }
    }
}

#[cfg(feature = "redis")]
impl<S> Clone for StoreAt<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), at: self.at.clone() }
    }
}

#[cfg(feature = "redis")]
impl<S> PartialEq for StoreAt<S> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
