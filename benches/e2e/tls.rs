//! TLS between the servers and the upstream: rustls, with a new certificate per run.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::BoxError;

/// Writes a certificate for 127.0.0.1 and its key.
pub(crate) fn certify(certificate: &Path) -> Result<(), BoxError> {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    fs::write(certificate, own.cert.pem())?;
    fs::write(certificate.with_extension("key"), own.signing_key.serialize_pem())?;
    Ok(())
}

/// The configuration of an upstream that negotiates one protocol.
pub(crate) fn acceptor(certificate: &Path, alpn: &str) -> Result<TlsAcceptor, BoxError> {
    let chain = vec![CertificateDer::from_pem_file(certificate)?];
    let key = PrivateKeyDer::from_pem_file(certificate.with_extension("key"))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![alpn.into()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The configuration of a client that trusts only that certificate.
pub(crate) fn connector(
    certificate: &Path,
    transport: HttpConnector,
) -> Result<HttpsConnector<HttpConnector>, BoxError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
    Ok(builder.enable_all_versions().wrap_connector(transport))
}

fn provider() -> Arc<tokio_rustls::rustls::crypto::CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider())
}
