//! rustls, with the trust that the features and the host choose.

use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::builder::Versions;
use super::error::ClientError;

/// PEM texts of the host's, read when the client is built.
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
    pub(super) extra_roots: Vec<Vec<u8>>,
    pub(super) identity: Option<Vec<u8>>,
}

pub(super) fn connector(
    tcp: HttpConnector,
    options: &TlsOptions,
    versions: Versions,
) -> Result<HttpsConnector<HttpConnector>, ClientError> {
    // The provider is named, for rustls panics where two are compiled in and none is chosen.
    let config = ClientConfig::builder_with_provider(Arc::new(crypto_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ClientError::tls)?
        .with_root_certificates(roots(&options.extra_roots)?);
    let config = match &options.identity {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let key = PrivateKeyDer::from_pem_slice(pem).map_err(ClientError::pem)?;
            config.with_client_auth_cert(certificates(pem)?, key).map_err(ClientError::tls)?
        }
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    Ok(match versions {
        Versions::Negotiated => builder.enable_all_versions().wrap_connector(tcp),
        Versions::Http1 => builder.enable_http1().wrap_connector(tcp),
        Versions::Http2 => builder.enable_http2().wrap_connector(tcp),
    })
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
            roots.add(certificate).map_err(ClientError::tls)?;
        }
    }
    if roots.is_empty() {
        tracing::warn!(target: crate::TARGET, "no certificate authority is trusted: https upstreams will fail");
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(ClientError::pem)?;
    if certificates.is_empty() {
        return Err(ClientError::pem(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}
