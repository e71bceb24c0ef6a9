//! A provider that has been checked.

use std::fmt;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::Provider;
use crate::builder::ConfigError;
use crate::route::join::{self, Base, PathRefused};

/// A provider that has been checked, with all that a request needs made ready.
pub(crate) struct Upstream {
    slug: Box<str>,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    native: Base,
    openai: Base,
}

impl Upstream {
    pub(crate) fn new(provider: Provider) -> Result<Self, ConfigError> {
        let Provider { slug, aliases, base_url, openai_path, join_rule } = provider;
        for name in std::iter::once(&slug).chain(&aliases) {
            if !is_slug(name) {
                return Err(ConfigError::Slug { slug: name.to_string() });
            }
        }
        let refuse = |reason| ConfigError::BaseUrl { slug: slug.to_string(), reason };
        let uri: Uri = base_url.parse().map_err(|_| refuse("it is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
        let scheme = scheme.ok_or_else(|| refuse("it must begin with http:// or https://"))?;
        let authority = parts.authority.ok_or_else(|| refuse("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it must not hold a user or a password"));
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or("?");
        let is_port =
            |port: &str| port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        if authority.host().is_empty() || !(port.is_empty() || is_port(port)) {
            return Err(refuse("its host or port is malformed"));
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() || base_url.contains('#') {
            return Err(refuse("it must not have a query or a fragment"));
        }
        let dots = |_| refuse("its path must not have dot segments");
        let native = Base::new(path.path(), join_rule).map_err(dots)?;
        join::check(&openai_path).map_err(dots)?;
        if openai_path.contains(['?', '#']) {
            return Err(refuse(
                "the path to its OpenAI-compatible API must not have a query or a fragment",
            ));
        }
        // A base that was moved may already hold the way to the OpenAI-compatible API.
        let openai = Base::new(path.path(), true)
            .and_then(|base| base.join(openai_path.trim_matches('/'), None));
        let openai = Base::new(openai.map_err(dots)?.path(), true).map_err(dots)?;
        let host = HeaderValue::from_str(authority.as_str())
            .map_err(|_| refuse("its host is malformed"))?;
        Ok(Self { slug: Box::from(&*slug), scheme, authority, host, native, openai })
    }

    pub(crate) fn slug(&self) -> &str {
        &self.slug
    }

    /// What a request to this provider has as `host`.
    pub(crate) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The name of that host, without a port.
    pub(crate) fn host_name(&self) -> &str {
        self.authority.host()
    }

    /// Where this provider is: its host without brackets, and its port, said or not.
    #[cfg(feature = "otel")]
    pub(crate) fn server(&self) -> (&str, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let usual = if self.scheme == Scheme::HTTP { 80 } else { 443 };
        (host, self.authority.port_u16().unwrap_or(usual))
    }

    /// The URI of `rest`, below the base URL. `rest` must have passed [`join::check`].
    pub(crate) fn native_uri(&self, rest: &str, query: Option<&str>) -> Result<Uri, PathRefused> {
        self.uri(self.native.join(rest, query)?)
    }

    /// The URI of an endpoint of the provider's OpenAI-compatible API.
    pub(crate) fn openai_uri(
        &self,
        endpoint: &str,
        query: Option<&str>,
    ) -> Result<Uri, PathRefused> {
        self.uri(self.openai.join(endpoint, query)?)
    }

    fn uri(&self, path_and_query: PathAndQuery) -> Result<Uri, PathRefused> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).map_err(|_| PathRefused)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}://{}{}", self.slug, self.scheme, self.authority, self.native.path())
    }
}

/// Whether `name` may be a slug or an alias.
pub(crate) fn is_slug(name: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    (1..=64).contains(&name.len())
        && name.bytes().all(is_plain)
        && !matches!(name, "." | ".." | "compat" | "dynamic" | "custom-")
}
