//! What an operator changes while the gateway runs: read strictly, and told in the log.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde_json::{Map, Value, json};

use super::admin::Guard;
use super::guarded::guarded;

/// The whole of what an operator sends.
const BODY_BYTES: usize = 16 * 1024;

/// No browser shows these answers as a page.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// These routes, for operators alone.
pub(crate) fn router(routes: Router, guard: Guard) -> Router {
    guarded(routes.layer(DefaultBodyLimit::max(BODY_BYTES)), guard, POLICY)
}

/// Where a change came from, if that is known.
pub(crate) type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// For the log: the address alone.
pub(crate) fn address(peer: Peer) -> Option<IpAddr> {
    peer.map(|Extension(ConnectInfo(peer))| peer.ip().to_canonical())
}

/// Who gets past the guard, for the log.
pub(crate) fn by(guard: &Guard) -> &'static str {
    if guard.has_token() { "the admin token" } else { "this machine" }
}

/// What a change came to.
pub(crate) type Answer = Result<Json<Value>, Failed>;

/// The members of a JSON object, each to be taken out by its name.
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

    /// Nothing else may be there: what is misspelt must not be passed over. `known`: what may.
    pub(crate) fn end(self, known: &str) -> Result<(), Failed> {
        match self.0.keys().next() {
            Some(_) => Err(Failed::bad(format_args!("it has {known} alone"))),
            None => Ok(()),
        }
    }
}

/// Why nothing was done, or not all of it.
#[derive(Debug)]
pub(crate) struct Failed(StatusCode, String);

impl Failed {
    pub(crate) fn bad(why: impl Display) -> Self {
        Self(StatusCode::BAD_REQUEST, why.to_string())
    }

    pub(crate) fn unknown(what: impl Display) -> Self {
        Self(StatusCode::NOT_FOUND, what.to_string())
    }

    /// A store did not do as it was told.
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
