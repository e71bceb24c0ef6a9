//! Client certificates from a settings file, by the server that gets them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::client::tls::Server;

/// The client certificates of a settings file, each with its servers. No other server gets one.
///
/// [`Config::client_certificates`](crate::config::Config::client_certificates) returns it, and
/// [`HttpClientBuilder::client_certificates`](crate::client::HttpClientBuilder::client_certificates)
/// takes it. A built client keeps its certificates: compare the two values after a reload to know
/// whether you need a new client.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientCertificates(BTreeMap<Server, Pem>);

/// A certificate chain and its private key.
pub(crate) type Pem = Arc<str>;

impl ClientCertificates {
    pub(crate) fn new(by_server: BTreeMap<Server, Pem>) -> Self {
        Self(by_server)
    }

    /// Each server as `host:port`, with its certificate and key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(server, pem)| (server.to_string(), &**pem))
    }
}

/// Shows the servers only: the PEM holds private keys.
impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
