//! The certificates of a settings file, for the servers that are shown them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::client::tls::Server;

/// The client certificates of a settings file, each with the servers that are shown it. No server
/// but these is shown any.
///
/// [`Config::client_certificates`](crate::config::Config::client_certificates) makes it, and
/// [`HttpClientBuilder::client_certificates`](crate::client::HttpClientBuilder::client_certificates) takes it.
/// A client that is built keeps what it was built with: compare two of these to know whether a file
/// that was read again needs another client.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientCertificates(BTreeMap<Server, Pem>);

/// A certificate's chain and its private key.
pub(crate) type Pem = Arc<str>;

impl ClientCertificates {
    pub(crate) fn new(by_server: BTreeMap<Server, Pem>) -> Self {
        Self(by_server)
    }

    /// Each server, as `host:port`, and what it is shown.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(server, pem)| (server.to_string(), &**pem))
    }
}

/// Names the servers alone.
impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
