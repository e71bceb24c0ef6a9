//! rustls, with the roots that the features and the host choose.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::dial::{Dial, Dialer, Dialing};
use super::error::{Cause, ClientError};
use super::options::Versions;

/// PEM texts from the host, parsed when the client is built.
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
    pub(super) extra_roots: Vec<Vec<u8>>,
    pub(super) identity: Option<Vec<u8>>,
    /// By the server's name as the host gave it.
    pub(super) identities: Vec<(String, Vec<u8>)>,
}

impl TlsOptions {
    pub(super) fn is_default(&self) -> bool {
        self.extra_roots.is_empty() && self.identity.is_none() && self.identities.is_empty()
    }

    /// For servers that get no client certificate.
    #[cfg(feature = "proxy")]
    pub(super) fn anonymous(&self) -> Self {
        Self { extra_roots: self.extra_roots.clone(), ..Self::default() }
    }
}

pub(super) fn connector<T>(
    transport: T,
    options: &TlsOptions,
    versions: Versions,
) -> Result<HttpsConnector<T>, ClientError> {
    // Name the provider: rustls panics if two are compiled in and none is chosen.
    let config = ClientConfig::builder_with_provider(Arc::new(crypto_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Cause::Tls)?
        .with_root_certificates(roots(&options.extra_roots)?);
    let config = match &options.identity {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let key = PrivateKeyDer::from_pem_slice(pem).map_err(Cause::Pem)?;
            config.with_client_auth_cert(certificates(pem)?, key).map_err(Cause::Tls)?
        }
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    Ok(match versions {
        Versions::Negotiated => builder.enable_all_versions().wrap_connector(transport),
        Versions::Http1 => builder.enable_http1().wrap_connector(transport),
        Versions::Http2 => builder.enable_http2().wrap_connector(transport),
    })
}

/// TLS over any transport, with the client certificate of each server.
pub(super) fn dialer(
    transport: &Dialer,
    options: &TlsOptions,
    versions: Versions,
) -> Result<Dialer, ClientError> {
    let with = |options: &TlsOptions| {
        connector(transport.clone(), options, versions).map(Dialer::negotiating)
    };
    let usual = with(options)?;
    if options.identities.is_empty() {
        return Ok(usual);
    }
    let own = options.identities.iter().map(|(server, pem)| {
        let server = Server::parse(server).ok_or(Cause::Origin)?;
        let options = TlsOptions { identity: Some(pem.clone()), ..options.clone() };
        Ok((server, with(&options)?))
    });
    let own = own.collect::<Result<_, ClientError>>()?;
    Ok(Dialer::new(ByServer { usual, own }))
}

/// Some servers have a TLS configuration of their own. Sessions are not shared among them.
struct ByServer {
    usual: Dialer,
    own: HashMap<Server, Dialer>,
}

impl Dial for ByServer {
    fn dial(&self, uri: Uri) -> Dialing {
        let own = Server::of(&uri).and_then(|server| self.own.get(&server));
        own.unwrap_or(&self.usual).dial(uri)
    }
}

/// A host in lower case, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Server(String, u16);

impl Server {
    /// Parses a host, a host and port, or an https URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        match uri.scheme() {
            None => Self::of(&uri),
            Some(scheme) if *scheme == Scheme::HTTPS => Self::of(&uri),
            Some(_) => None,
        }
    }

    fn of(uri: &Uri) -> Option<Self> {
        let host = uri.host().filter(|host| !host.is_empty())?;
        Some(Self(host.to_ascii_lowercase(), uri.port_u16().unwrap_or(443)))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// Says why a PEM text is not a client certificate, without quoting it.
#[cfg(feature = "config")]
pub(crate) fn check_identity(pem: &[u8]) -> Result<(), &'static str> {
    let chain = certificates(pem).map_err(|_| "holds no well-formed certificate in PEM")?;
    let key = PrivateKeyDer::from_pem_slice(pem);
    let key = key.map_err(|_| "holds no private key in PEM, or an encrypted one")?;
    let unusable = |_| "holds a certificate and a private key that do not belong together";
    ClientConfig::builder_with_provider(Arc::new(crypto_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(RootCertStore::empty())
        .with_client_auth_cert(chain, key)
        .map_err(unusable)?;
    Ok(())
}

fn crypto_provider() -> CryptoProvider {
    #[cfg(feature = "tls-aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "tls-aws-lc-rs"))]
    return rustls::crypto::ring::default_provider();
}

fn roots(extra: &[Vec<u8>]) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    #[cfg(feature = "tls-webpki-roots")]
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    #[cfg(feature = "tls-platform-roots")]
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in extra {
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(Cause::Tls)?;
        }
    }
    if roots.is_empty() {
        tracing::warn!(target: crate::TARGET, "no certificate authority is trusted: https upstreams will fail");
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(Cause::Pem)?;
    if certificates.is_empty() {
        return Err(Cause::Pem(rustls::pki_types::pem::Error::NoItemsFound).into());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        let server = |host: &str, port| Some(Server(host.to_owned(), port));
        assert_eq!(Server::parse("api.example.com"), server("api.example.com", 443));
        assert_eq!(Server::parse("API.example.com:8443"), server("api.example.com", 8443));
        assert_eq!(Server::parse("https://api.example.com/v1"), server("api.example.com", 443));
        assert_eq!(Server::parse("https://[::1]:8443/v1"), server("[::1]", 8443));
        for wrong in ["", "http://api.example.com", "/v1", "api.example.com/v1", "a b"] {
            assert_eq!(Server::parse(wrong), None, "{wrong}");
        }
    }
}
