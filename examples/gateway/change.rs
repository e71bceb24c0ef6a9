//! Changes by operators while the gateway runs: read strictly, and logged.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde_json::{Map, Value, json};

use super::admin::Guard;
use super::guarded::guarded;

/// The maximum length of a body, in bytes.
const BODY_BYTES: usize = 16 * 1024;

/// No browser shows these responses as a page.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Puts these routes behind the guard.
pub(crate) fn router(routes: Router, guard: Guard) -> Router {
    guarded(routes.layer(DefaultBodyLimit::max(BODY_BYTES)), guard, POLICY)
}

/// The origin of a change, if known.
pub(crate) type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// The address without the port, for the log.
pub(crate) fn address(peer: Peer) -> Option<IpAddr> {
    peer.map(|Extension(ConnectInfo(peer))| peer.ip().to_canonical())
}

/// How operators pass the guard, for the log.
pub(crate) fn by(guard: &Guard) -> &'static str {
    if guard.has_token() { "the admin token" } else { "this machine" }
}

/// The result of a change.
pub(crate) type Answer = Result<Json<Value>, Failed>;

/// The members of a JSON object, which are taken out by name.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Failed> {
        match serde_json::from_slice(body).map_err(Failed::bad)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Failed::bad("it must be a JSON object")),
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    #[cfg(feature = "limits")]
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Failed> {
        self.optional_text(name)?
            .ok_or_else(|| Failed::bad(format_args!("`{name}` is needed, a string")))
    }

    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Failed> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failed::bad(format_args!("`{name}` must be a string"))),
        }
    }

    /// Fails if a member is left: a misspelt one must not be ignored. `known`: the names of all
    /// members.
    pub(crate) fn end(self, known: &str) -> Result<(), Failed> {
        match self.0.keys().next() {
            Some(_) => Err(Failed::bad(format_args!("it may have only {known}"))),
            None => Ok(()),
        }
    }
}

/// Why a change failed, entirely or in part.
#[derive(Debug)]
pub(crate) struct Failed(StatusCode, String);

impl Failed {
    pub(crate) fn bad(why: impl Display) -> Self {
        Self(StatusCode::BAD_REQUEST, why.to_string())
    }

    pub(crate) fn unknown(what: impl Display) -> Self {
        Self(StatusCode::NOT_FOUND, what.to_string())
    }

    /// A store failed.
    pub(crate) fn store(error: impl Display) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }

    #[cfg(test)]
    pub(crate) fn message(self) -> String {
        self.1
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        (status, Json(json!({ "error": { "message": message } }))).into_response()
    }
}
