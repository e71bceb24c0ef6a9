//! Where a Redis is, for each section that names one.

#[cfg(feature = "redis")]
use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::holder::holder;
use super::place::{At, Mistake, Source, Table, Text};
use super::value::Milliseconds;
#[cfg(feature = "redis")]
use crate::settings::digest;

const MOST_MS: u64 = 10_000;

/// How long a request waits.
pub(super) type Deadline = Milliseconds<1, MOST_MS>;

/// A URL, which may hold a password: the file says where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Url {
    env: Option<Text>,
    file: Option<Text>,
}

/// The keys of a section that say where it is and how it is asked.
pub(super) struct Keys {
    pub(super) redis: Option<Table<Url>>,
    pub(super) redis_cluster: Option<Vec<Table<Url>>>,
    pub(super) deadline_ms: Option<Deadline>,
    pub(super) prefix: Option<Text>,
}

/// What they say.
#[cfg(feature = "redis")]
pub(super) struct Redis {
    pub(super) urls: Vec<String>,
    pub(super) given: Given,
}

/// Nothing: it is refused.
#[cfg(not(feature = "redis"))]
pub(super) enum Redis {}

/// All of it, URLs as digests.
#[cfg(feature = "redis")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) is_cluster: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) prefix: Option<String>,
    digests: Vec<[u8; 32]>,
}

impl Keys {
    /// `None` where no Redis is named. `place`: of the section; `without`: what the feature would do.
    pub(super) fn read(
        self,
        place: &impl At,
        source: &Source<'_>,
        without: &str,
    ) -> Result<Option<Redis>, Mistake> {
        #[cfg(feature = "redis")]
        let _ = without;
        let (urls, is_cluster) = match (self.redis, self.redis_cluster) {
            (None, None) => {
                let alone = "it is for `redis` and `redis_cluster`";
                if let Some(prefix) = &self.prefix {
                    return Err(prefix.refuse(Kind::Conflict, alone));
                }
                if self.deadline_ms.is_some() {
                    let message = format_args!("`deadline_ms`: {alone}");
                    return Err(place.refuse(Kind::Conflict, message));
                }
                return Ok(None);
            }
            (Some(url), None) => (vec![url], false),
            (None, Some(urls)) if !urls.is_empty() => (urls, true),
            (None, Some(_)) => {
                return Err(place.refuse(Kind::Value, "a cluster has a node at least"));
            }
            (Some(url), Some(_)) => {
                return Err(url.refuse(Kind::Conflict, "it is one of `redis` and `redis_cluster`"));
            }
        };
        let mut read = Vec::with_capacity(urls.len());
        for url in &urls {
            let Some(holder) = holder(&url.env, &url.file)? else {
                return Err(url.refuse(Kind::Missing, "a URL of Redis has one of `env` and `file`"));
            };
            read.push(holder.read(source)?);
        }
        #[cfg(feature = "redis")]
        {
            let texts = || read.iter().map(|url| url.plain().as_bytes());
            let given = Given {
                is_cluster,
                timeout: self.deadline_ms.map(|deadline| deadline.0),
                prefix: self.prefix.map(|prefix| prefix.into_inner()),
                digests: texts().map(digest).collect(),
            };
            let urls = texts().map(|url| String::from_utf8_lossy(url).into_owned()).collect();
            Ok(Some(Redis { urls, given }))
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = (is_cluster, read);
            let message =
                format_args!("this program was built without the feature `redis`, {without}");
            Err(place.refuse(Kind::UnknownKey, message))
        }
    }
}
