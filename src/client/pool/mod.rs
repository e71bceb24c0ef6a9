//! The connections of an [`HttpClient`](super::HttpClient), by origin.
//!
//! An HTTP/1.1 connection serves one exchange at a time, so there are as many as exchanges. HTTP/2
//! connections are shared. Another one is opened when all are full: streams above the peer's limit
//! would silently wait.

mod limits;
mod origin;
mod reaper;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::Uri;
use http::uri::Scheme;
use tokio::sync::Notify;
use tower::BoxError;

pub(super) use self::limits::{LINGER, Limits, SWEEPS};
pub(super) use self::origin::{Answer, Connection, Found, Http1, Lead, Origin};
use self::reaper::Running;
use super::connect::Connector;
use super::error::{Cause, ClientError};
use super::options::Versions;
use crate::client::tracked_body::SendBody;

pub(super) struct Pool<B> {
    connector: Connector,
    limits: Limits,
    http: Origins<B>,
    https: Origins<B>,
    /// Notified when an idle connection has been woken.
    wake_reaper: Arc<Notify>,
    reaper: Running,
}

/// By authority, as request URIs spell it.
type Origins<B> = RwLock<HashMap<Box<str>, Arc<Origin<B>>>>;

impl<B> Drop for Pool<B> {
    fn drop(&mut self) {
        self.wake_reaper.notify_one();
    }
}

impl<B> Pool<B> {
    pub(super) fn new(connector: Connector, limits: Limits) -> Self {
        let (http, https) = Default::default();
        let (wake_reaper, reaper) = Default::default();
        Self { connector, limits, http, https, wake_reaper, reaper }
    }

    /// The number of origins of both schemes.
    pub(super) fn origins(&self) -> usize {
        let count =
            |origins: &Origins<B>| origins.read().unwrap_or_else(PoisonError::into_inner).len();
        count(&self.http) + count(&self.https)
    }
}

impl<B: SendBody> Pool<B> {
    pub(super) fn origin(&self, uri: &Uri) -> Result<Arc<Origin<B>>, ClientError> {
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or(Cause::Uri)?;
        let origins = match scheme {
            scheme if *scheme == Scheme::HTTP => &self.http,
            scheme if *scheme == Scheme::HTTPS => &self.https,
            _ => return Err(Cause::Uri.into()),
        };
        let known = origins.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(authority.as_str()) {
            return Ok(origin.clone());
        }
        drop(known);
        let mut known = origins.write().unwrap_or_else(PoisonError::into_inner);
        let origin = known.entry(authority.as_str().into()).or_insert_with(|| {
            let is_http2 = match self.connector.versions {
                Versions::Http1 => Some(false),
                Versions::Http2 => Some(true),
                // HTTP versions are negotiated in TLS only.
                Versions::Negotiated if *scheme == Scheme::HTTP => Some(false),
                Versions::Negotiated => None,
            };
            #[cfg(feature = "proxy")]
            let forwarding = self.connector.forwarding(scheme, authority);
            Arc::new(Origin::new(
                scheme.clone(),
                authority.clone(),
                self.limits,
                is_http2,
                #[cfg(feature = "proxy")]
                forwarding,
            ))
        });
        Ok(origin.clone())
    }

    /// Waits for a connection or makes one. Returns it and whether it existed before.
    pub(super) async fn connect(
        self: &Arc<Self>,
        origin: &Arc<Origin<B>>,
        mut found: Found<B>,
    ) -> Result<(Connection<B>, bool), BoxError> {
        loop {
            let is_alone = match found {
                Found::Connection(connection) => return Ok((connection, true)),
                Found::Wait { failures } => origin.changed(failures).await,
                Found::Connect(mut lead) => {
                    self.reaper.ensure(self);
                    let connected =
                        self.connector.connect(origin, &self.wake_reaper, &mut lead).await;
                    if let (Some(lead), Err(_)) = (lead, &connected) {
                        lead.fail();
                    }
                    return connected.map(|connection| (connection, false));
                }
            };
            found = origin.find(is_alone);
        }
    }

    fn sweep(&self, is_sweep: bool) {
        for origins in [&self.http, &self.https] {
            let known: Vec<_> = {
                let known = origins.read().unwrap_or_else(PoisonError::into_inner);
                known.values().cloned().collect()
            };
            known.iter().for_each(|origin| origin.sweep(is_sweep));
            let are_all_used = !known.iter().any(|origin| origin.is_empty());
            drop(known);
            if is_sweep && !are_all_used {
                let mut known = origins.write().unwrap_or_else(PoisonError::into_inner);
                known.retain(|_, origin| is_used(origin));
            }
        }
    }
}

/// Returns true if an origin has connections, in use or idle, or one is being made.
fn is_used<B: SendBody>(origin: &Arc<Origin<B>>) -> bool {
    Arc::strong_count(origin) > 1 || Arc::weak_count(origin) > 0 || !origin.is_empty()
}
