//! One origin of a provider's API: a checked base URL.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::ApiKind;
use crate::provider::Provider;
use crate::provider::join;
use crate::provider::join::Base;

/// A checked base URL, with everything prepared that requests need.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) host: HeaderValue,
    /// The authority's host, without a port.
    pub(super) host_name: Box<str>,
    pub(super) native: Base,
    openai: Base,
    /// The base of Messages, if it differs from OpenAI's paths.
    messages: Option<Base>,
    /// The same of chat completions.
    chat: Option<Base>,
    /// Its index among its provider's origins, from 0.
    pub(crate) number: u16,
    /// Its weight in balancing.
    pub(crate) weight: u32,
    /// The base URL itself.
    base: Box<str>,
}

impl Origin {
    /// The error says what is wrong with the URL.
    pub(super) fn new(
        number: u16,
        base_url: &str,
        provider: &Provider,
        weight: u32,
    ) -> Result<Self, &'static str> {
        let uri: Uri = base_url.parse().map_err(|_| "it is not a URL")?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
        let scheme = scheme.ok_or("it must begin with http:// or https://")?;
        let authority = parts.authority.ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it must not hold a user or a password");
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or("?");
        let is_port =
            |port: &str| port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        if authority.host().is_empty() || !(port.is_empty() || is_port(port)) {
            return Err("its host or port is malformed");
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() || base_url.contains('#') {
            return Err("it must not have a query or a fragment");
        }
        let dots = |_| "its path must not have dot segments";
        let native = Base::new(path.path(), provider.merge_repeated_segments).map_err(dots)?;
        let below = |further: &str| {
            join::check(further).map_err(dots)?;
            if further.contains(['?', '#']) {
                return Err("the path to one of its APIs must not have a query or a fragment");
            }
            // A base URL that the host has changed may already include this path.
            let base = Base::new(path.path(), true)
                .and_then(|base| base.join(further.trim_matches('/'), None));
            Base::new(base.map_err(dots)?.path(), true).map_err(dots)
        };
        let openai = below(&provider.openai_path)?;
        let messages = provider.messages_path.as_deref().map(below).transpose()?;
        let chat = provider.chat_path.as_deref().map(below).transpose()?;
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| "its host is malformed")?;
        let base = format!("{scheme}://{authority}{}", native.path()).into();
        let host_name = authority.host().into();
        Ok(Self {
            scheme,
            authority,
            host,
            host_name,
            native,
            openai,
            messages,
            chat,
            number,
            weight,
            base,
        })
    }

    /// The `host` header of requests to this origin.
    pub(crate) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The URI of a path in one of its two APIs. A native path must have passed [`join::check`].
    pub(crate) fn uri_by(&self, way: ApiKind, path: &str, query: Option<&str>) -> Option<Uri> {
        let own = match (way, path) {
            (ApiKind::Native, _) => Some(&self.native),
            (ApiKind::OpenAi(_), "messages") => self.messages.as_ref(),
            (ApiKind::OpenAi(_), "chat/completions") => self.chat.as_ref(),
            (ApiKind::OpenAi(_), _) => None,
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(own.unwrap_or(&self.openai).join(path, query).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// The base URL, as in `https://api.x.ai/v1`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Returns true if a URI is at this origin.
    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&self.scheme) && uri.authority() == Some(&self.authority)
    }

    /// What follows the base URL in a URI at this origin.
    pub(crate) fn rest<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        let below = uri.path().strip_prefix(self.native.path()).filter(|_| self.is_of(uri))?;
        below.strip_prefix('/')
    }
}
