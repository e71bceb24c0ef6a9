//! A call as received by a provider.

use std::time::Duration;

use http::{Extensions, HeaderMap, Method, Uri};
use tower_ai_gateway::GatewayContext;

/// A call as received by a provider.
#[derive(Clone, Debug)]
pub struct Call {
    /// The time since the provider was created.
    pub at: Duration,
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub extensions: Extensions,
    pub body: Vec<u8>,
    /// The body was complete.
    pub is_whole: bool,
}

impl Call {
    pub fn authority(&self) -> &str {
        self.uri.authority().unwrap().as_str()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice");
        value.map(|value| value.to_str().unwrap())
    }

    pub fn host(&self) -> Option<&str> {
        self.header("host")
    }

    /// The key, without `Bearer`.
    pub fn key(&self) -> Option<&str> {
        let key = self.header("authorization").or(self.header("x-api-key"))?;
        Some(key.strip_prefix("Bearer ").unwrap_or(key))
    }

    /// The authority and the key.
    pub fn target(&self) -> String {
        format!("{} {}", self.authority(), self.key().unwrap())
    }

    pub fn context(&self) -> &GatewayContext {
        self.extensions.get().unwrap()
    }

    /// All headers in which providers read keys, with their values.
    pub fn keys(&self) -> Vec<(&'static str, &str)> {
        ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-acme-key"]
            .into_iter()
            .filter_map(|name| Some((name, self.header(name)?)))
            .collect()
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The body, unless it broke off.
    pub fn whole(&self) -> Option<&str> {
        self.is_whole.then(|| self.text())
    }
}
