//! Who may see the operator's pages.
//!
//! Without a token: only this machine, on a listener that no proxy forwards to. With one: everybody who
//! has the token, from anywhere.

use std::{
    env::{self, VarError},
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tower_ai_gateway::settings::GatewayToken;

/// The environment variable with the token.
pub(crate) const TOKEN: &str = "GATEWAY_ADMIN_TOKEN";

/// Headers that a proxy on this machine adds. The peer is then not the client.
const FORWARDING: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Decides which requests may pass. Keeps only a digest of the token.
#[derive(Clone)]
pub(crate) struct Guard(Option<Arc<[u8; 32]>>);

/// The middleware of a [`Guard`].
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| *peer);
    match guard.check(peer, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(denied) => denied.into_response(),
    }
}

impl Guard {
    /// A guard that requires the token in the environment, if there is one.
    pub(crate) fn from_env() -> Result<Self, TokenError> {
        match env::var(TOKEN) {
            Ok(token) => Self::with_token(&token),
            Err(VarError::NotPresent) => Ok(Self(None)),
            Err(VarError::NotUnicode(_)) => Err(TokenError::Unsendable),
        }
    }

    pub(crate) fn has_token(&self) -> bool {
        self.0.is_some()
    }

    fn with_token(token: &str) -> Result<Self, TokenError> {
        // A variable that is empty by mistake must not admit everybody.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unsendable);
        }
        // The token admits from anywhere, so it must not be guessable.
        if GatewayToken::new(token).is_guessable() {
            return Err(TokenError::Guessable);
        }
        Ok(Self(Some(Arc::new(digest(token.as_bytes())))))
    }

    fn check(
        &self,
        peer: Option<SocketAddr>,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Denied> {
        match &self.0 {
            Some(digest) if !has_token(headers, digest) => return Err(Denied::NoToken),
            None if !is_local(peer, uri, headers) => return Err(Denied::NotLocal),
            _ => {}
        }
        // A browser also sends its user's password with requests of other sites.
        if !method.is_safe() && !is_own(headers) {
            return Err(Denied::CrossSite);
        }
        Ok(())
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// As `Bearer`, or as the password of `Basic`, for which browsers can ask.
fn has_token(headers: &HeaderMap, expected: &[u8; 32]) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, value)) = given.and_then(|given| given.split_once(' ')) else { return false };
    let is = |name| scheme.eq_ignore_ascii_case(name);
    let value = value.trim();
    let token = if is("bearer") {
        Some(value.as_bytes().to_vec())
    } else if is("basic") {
        password(value)
    } else {
        None
    };
    token.is_some_and(|token| bool::from(digest(&token).ct_eq(expected)))
}

fn password(basic: &str) -> Option<Vec<u8>> {
    let pair = STANDARD.decode(basic).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// Returns true for a request from this machine to a name of this machine. A page of another site whose
/// name was made to resolve to this machine sends that name (DNS rebinding).
fn is_local(peer: Option<SocketAddr>, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers
        .get_all(header::HOST)
        .iter()
        .map(|host| Authority::try_from(host.as_bytes()).ok())
        .chain(uri.authority().cloned().map(Some))
        .peekable();
    peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && !FORWARDING.iter().any(|name| headers.contains_key(*name))
        && hosts.peek().is_some()
        && hosts.all(|host| host.is_some_and(|host| is_loopback(&host)))
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    if authority.as_str().contains('@') {
        return false;
    }
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || literal.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Returns true if a request that changes something comes from our own page, or from no page at all.
fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // No form can send JSON, and a script of another site needs a CORS preflight.
    let is_json = content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    is_json && matches!(site, None | Some(b"same-origin" | b"none"))
}

/// Why a request may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    NoToken,
    NotLocal,
    CrossSite,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"gateway admin\"")];
        match self {
            Self::NoToken => {
                let text = format!("This page needs the gateway's admin token ({TOKEN}).\n");
                (StatusCode::UNAUTHORIZED, challenge, text).into_response()
            }
            Self::NotLocal => {
                let text = format!(
                    "This page is served only to the gateway's own machine, as localhost. \
                     To see it from elsewhere, start the gateway with {TOKEN} set.\n"
                );
                (StatusCode::FORBIDDEN, text).into_response()
            }
            Self::CrossSite => {
                let text = "Send changes with `content-type: application/json`; \
                            pages of other sites cannot.\n";
                (StatusCode::FORBIDDEN, text).into_response()
            }
        }
    }
}

/// Why a token is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// It cannot be sent in a header.
    Unsendable,
    /// It can be guessed.
    Guessable,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TOKEN)?;
        f.write_str(match self {
            Self::Unsendable => {
                " must be visible ASCII characters without spaces: unset it, or choose another"
            }
            Self::Guessable => {
                " can be guessed: draw one at random, such as by `openssl rand -hex 32`"
            }
        })
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests;
