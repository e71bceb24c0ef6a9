//! `client_certificate` of a provider: presented only to that provider's servers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::pem_file::PemFile;
use super::place::{Located, Mistake, Source, Table};
use crate::client::certificates::{ClientCertificates, Pem};
use crate::client::{Server, check_identity};
use crate::provider::Provider;

/// The certificates by provider.
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
pub(super) type RawCertificate = PemFile;

impl Certificates {
    /// Adds the certificate of this provider.
    pub(super) fn add(
        &mut self,
        raw: &Table<RawCertificate>,
        provider: &Provider,
        source: &Source<'_>,
    ) -> Result<(), Mistake> {
        let pem = raw.fields.read(source)?;
        check_identity(pem.as_bytes()).map_err(|what| raw.fields.refuse(what))?;
        if provider.base_urls().any(|url| Server::parse(url).is_none()) {
            let message = "a client certificate needs https, and a base URL of this provider is not \
                           https";
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

    /// The certificate for each server of these providers.
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
        Ok(ClientCertificates::new(shown.collect()))
    }
}
