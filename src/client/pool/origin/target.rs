//! How requests on a connection name their target.

use std::fmt::Display;

#[cfg(feature = "proxy")]
use http::StatusCode;
use http::header::HOST;
#[cfg(feature = "proxy")]
use http::header::{PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};

use super::Origin;
use crate::client::body::ClientBody;
use crate::client::dial::implied_port;
#[cfg(feature = "proxy")]
use crate::client::error::Cause;
use crate::client::error::ClientError;
use crate::client::framing::declare_body;
#[cfg(feature = "proxy")]
use crate::client::proxy::Forwarding;
use crate::client::tracked_body::SendBody;
#[cfg(feature = "proxy")]
use crate::client::via_proxy::ViaProxy;

impl<B: SendBody> Origin<B> {
    /// Writes the request target in origin form, with the authority only in `host`; or in absolute
    /// form for a proxy.
    pub(in crate::client) fn origin_form(&self, request: &mut Request<B>) {
        declare_body(request);
        #[cfg(feature = "proxy")]
        if let Some(forwarding) = &self.forwarding {
            return self.proxy_form(request, forwarding);
        }
        let parts = std::mem::take(request.uri_mut()).into_parts();
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = path.into();
        request.headers_mut().entry(HOST).or_insert_with(|| self.host.clone());
        if request.version() != Version::HTTP_10 {
            *request.version_mut() = Version::HTTP_11;
        }
    }

    /// Writes the request as a proxy expects it.
    #[cfg(feature = "proxy")]
    #[cold]
    fn proxy_form(&self, request: &mut Request<B>, forwarding: &Forwarding) {
        self.absolute_form(request.uri_mut());
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.authority = Some(forwarding.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert_with(|| self.host.clone());
        if let Some(authorization) = &forwarding.authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        if request.version() != Version::HTTP_10 {
            *request.version_mut() = Version::HTTP_11;
        }
    }

    /// Passes an HTTP/1.1 response on, except a proxy's own 407: the client would take it for the
    /// provider's.
    #[inline]
    pub(in crate::client) fn answered(
        &self,
        response: Response<ClientBody>,
    ) -> Result<Response<ClientBody>, ClientError> {
        #[cfg(feature = "proxy")]
        if self.forwarding.is_some()
            && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            // A proxy must send this header (RFC 9110 §15.5.8). Without it the 407 is the
            // upstream's own.
            && response.headers().contains_key(PROXY_AUTHENTICATE)
        {
            return Err(Cause::Connect(ViaProxy::asks_for_password()).into());
        }
        Ok(response)
    }

    /// Restores the full URI after an attempt over HTTP/1.1.
    pub(in crate::client) fn absolute_form(&self, uri: &mut Uri) {
        let mut parts = std::mem::take(uri).into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// The `Host` value: the authority without userinfo and without the scheme's default port (RFC
/// 9110, 4.2 and 7.2).
pub(super) fn host(scheme: &Scheme, authority: &Authority) -> HeaderValue {
    let implied = implied_port(scheme);
    let value = |text: &dyn Display| HeaderValue::try_from(text.to_string());
    let value = match authority.port_u16() {
        Some(port) if port != implied => value(&format_args!("{}:{port}", authority.host())),
        _ => value(&authority.host()),
    };
    value.unwrap_or_else(|_| HeaderValue::from_static(""))
}
