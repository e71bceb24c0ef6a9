//! `client_certificate` of a provider: what its servers are shown, and no others.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::Config;
use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::place::{At, Mistake, PLAIN_CERTIFICATE, Source, Table, Text};
use crate::client::{Server, check_identity};
use crate::provider::Provider;

/// The client certificates of a settings file, each with the servers that are shown it. No server
/// but these is shown any.
///
/// [`Config::client_certificates`] makes it, and
/// [`HttpClientBuilder::client_certificates`](crate::client::HttpClientBuilder::client_certificates) takes it.
/// A client that is built keeps what it was built with: compare two of these to know whether a file
/// that was read again needs another client.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientCertificates(BTreeMap<Server, Pem>);

/// A certificate's chain and its private key.
type Pem = Arc<str>;

impl ClientCertificates {
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

/// The certificates as the file has them: by provider.
#[derive(Clone, Default)]
pub(super) struct Certificates(Vec<Certificate>);

#[derive(Clone)]
struct Certificate {
    slug: String,
    pem: Pem,
    conflict: ConfigFileError,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|certificate| &certificate.slug)).finish()
    }
}

/// `client_certificate = { file = "…" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCertificate {
    file: Text,
}

impl Certificates {
    /// It is this provider's.
    pub(super) fn add(
        &mut self,
        raw: &Table<RawCertificate>,
        provider: &Provider,
        source: &Source<'_>,
    ) -> Result<(), Mistake> {
        let file = &raw.file;
        // Not shown, for somebody may have put the PEM itself there.
        if file.get_ref().contains(char::is_control) || file.get_ref().contains("-----") {
            return Err(file.refuse(Kind::PlainSecret, PLAIN_CERTIFICATE));
        }
        let refuse = |what: &str| file.refuse(Kind::Secret, format_args!("the file {file} {what}"));
        let pem = crate::util::file::read(&source.path(file));
        let pem = pem.map_err(|_| refuse("is not there or cannot be read"))?;
        check_identity(pem.as_bytes()).map_err(refuse)?;
        if provider.base_urls().any(|url| Server::parse(url).is_none()) {
            let message = "a client certificate is shown over https alone, and a base URL of this \
                           provider is not https";
            return Err(raw.refuse(Kind::Conflict, message));
        }
        let conflict = source.locate(&raw.refuse(
            Kind::Conflict,
            "another provider is on the same server, and has another client certificate or none: \
             providers share the connections to a server, so give both the same one",
        ));
        self.0.push(Certificate { slug: provider.slug().to_owned(), pem: pem.into(), conflict });
        Ok(())
    }

    /// What each server is to be shown where these are the providers.
    pub(super) fn at(&self, providers: &[Provider]) -> Result<ClientCertificates, ConfigFileError> {
        let mut servers = BTreeMap::new();
        for provider in providers {
            let own = self.0.iter().find(|one| one.slug == provider.slug());
            for server in provider.base_urls().filter_map(Server::parse) {
                match servers.entry(server) {
                    Entry::Vacant(entry) => {
                        entry.insert(own);
                    }
                    Entry::Occupied(entry) => {
                        let other: Option<&Certificate> = *entry.get();
                        let one = own.or(other);
                        if let Some(one) = one
                            && own.map(|own| &own.pem) != other.map(|other| &other.pem)
                        {
                            return Err(one.conflict.clone());
                        }
                    }
                }
            }
        }
        let shown =
            servers.into_iter().filter_map(|(server, one)| Some((server, one?.pem.clone())));
        Ok(ClientCertificates(shown.collect()))
    }
}

/// What [`HttpClient`](crate::HttpClient) shows.
impl Config {
    /// The client certificates that the file names, for the servers of `providers`: those of all base
    /// URLs of a provider that has one. They are the file's [`providers`](Self::providers), unless
    /// the host has moved some of them; a base URL of plain http is shown none.
    ///
    /// ```
    /// use tower_ai_gateway::HttpClient;
    /// use tower_ai_gateway::settings::Config;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::from_toml("")?;
    /// let certificates = config.client_certificates(&config.providers())?;
    /// let client = HttpClient::builder().client_certificates(&certificates);
    /// # let _ = client;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Where two providers are on one server, of which not both have the same certificate. For the
    /// file's own providers that is found when it is read.
    pub fn client_certificates(
        &self,
        providers: &[Provider],
    ) -> Result<ClientCertificates, ConfigFileError> {
        self.certificates.at(providers)
    }
}
