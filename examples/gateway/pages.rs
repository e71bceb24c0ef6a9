//! The operator's pages, and their address.
//!
//! They have their own listener, which a reverse proxy in front of the gateway does not reach, whatever
//! headers it sends. With a token, they are also at the gateway's address.

use std::error::Error;
use std::future::pending;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

use super::options::Admin;
use super::serve::{self, Limits};

/// Returns true for paths of the process itself: its health check, and pages with their own token. No
/// gateway path has this form.
#[cfg(feature = "jwt")]
pub(crate) fn is_own(path: &str) -> bool {
    matches!(path, "/healthz" | "/metrics" | "/dashboard") || path.starts_with("/dashboard/")
}

/// The pages, and whether a token guards them.
pub(crate) struct Pages {
    pub(crate) router: Router,
    pub(crate) has_token: bool,
}

/// Pages with a bound listener, to be [served](Self::serve).
pub(crate) struct Opened {
    pages: Pages,
    listener: Option<TcpListener>,
}

impl Pages {
    /// Adds these pages.
    #[cfg(all(
        any(feature = "cache", feature = "limits"),
        any(feature = "metrics", feature = "log-sqlite")
    ))]
    pub(crate) fn with(self, router: Router) -> Self {
        Self { router: self.router.merge(router), ..self }
    }

    /// Binds their address. If the default address is taken, they are not shown there.
    pub(crate) async fn open(self, admin: Admin) -> Result<Opened, Box<dyn Error + Send + Sync>> {
        let wanted = match admin {
            _ if !self.router.has_routes() => None,
            Admin::Off => None,
            Admin::At(address) if !self.has_token && !address.ip().to_canonical().is_loopback() => {
                return Err(format!(
                    "`--admin {address}` can be reached from other machines: set GATEWAY_ADMIN_TOKEN, or \
                     choose an address of this machine, such as 127.0.0.1:8788"
                )
                .into());
            }
            Admin::At(address) => Some(serve::bind(address).await?),
            Admin::Usual => serve::bind(Admin::USUAL)
                .await
                .inspect_err(|error| {
                    tracing::warn!(%error, "the admin pages are not served: see `--admin`");
                })
                .ok(),
        };
        Ok(Opened { pages: self, listener: wanted })
    }
}

impl Opened {
    /// Adds the pages that the gateway's own address shows.
    pub(crate) fn beside(&self, app: Router) -> Router {
        if self.pages.has_token { app.merge(self.pages.router.clone()) } else { app }
    }

    /// Their address. `public`: the gateway's own address.
    pub(crate) fn address(&self, public: SocketAddr) -> Option<SocketAddr> {
        let own = self.listener.as_ref().and_then(|listener| listener.local_addr().ok());
        own.or((self.pages.has_token && self.pages.router.has_routes()).then_some(public))
    }

    /// Serves the pages until it is dropped.
    pub(crate) async fn serve(self) {
        match self.listener {
            Some(listener) => {
                let limits = Limits::default();
                serve::serve_until(listener, self.pages.router, limits, pending(), pending()).await;
            }
            None => pending().await,
        }
    }
}
