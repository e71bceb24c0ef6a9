//! The options of a Redis connection.

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use super::error::RedisStoreError;
use super::link::{Certificates, Target};
use crate::settings::Secret;

/// How long an operation may take at most, unless the host says otherwise.
const TIMEOUT: Duration = Duration::from_millis(50);
const PREFIX: &str = "taig";

/// What the builders of all stores are told.
pub(in crate::control) struct Options {
    pub(in crate::control) urls: Vec<String>,
    pub(in crate::control) is_cluster: bool,
    pub(in crate::control) user: Option<String>,
    pub(in crate::control) password: Option<Secret>,
    pub(in crate::control) roots: Option<Vec<u8>>,
    /// A certificate and its key.
    pub(in crate::control) identity: Option<(Vec<u8>, Vec<u8>)>,
    pub(in crate::control) timeout: Duration,
    pub(in crate::control) prefix: String,
}

/// The setters of a builder's field `options`, which are those of [`Options`].
macro_rules! connection_setters {
    ($builder:ident) => {
        impl $builder {
            /// The user of Redis's ACL, in the place of one in the URL.
            pub fn user(mut self, name: impl Into<String>) -> Self {
                self.options.user = Some(name.into());
                self
            }

            /// The password, in the place of one in the URL.
            pub fn password(mut self, password: $crate::settings::Secret) -> Self {
                self.options.password = Some(password);
                self
            }

            /// The certificate authorities to trust, as PEM, in the place of those of the platform. For
            /// `rediss://`.
            pub fn roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
                self.options.roots = Some(pem.into());
                self
            }

            /// The certificate to show, and its key, as PEM. For `rediss://`.
            pub fn identity_pem(
                mut self,
                certificate: impl Into<Vec<u8>>,
                key: impl Into<Vec<u8>>,
            ) -> Self {
                self.options.identity = Some((certificate.into(), key.into()));
                self
            }

            /// How long a request waits for Redis at most (default: 50 ms).
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.options.timeout = timeout;
                self
            }
        }
    };
}

pub(in crate::control) use connection_setters;

impl Options {
    pub(in crate::control) fn new(urls: Vec<String>, is_cluster: bool) -> Self {
        Self {
            urls,
            is_cluster,
            user: None,
            password: None,
            roots: None,
            identity: None,
            timeout: TIMEOUT,
            prefix: PREFIX.to_owned(),
        }
    }

    pub(super) fn target(&self) -> Result<Target, RedisStoreError> {
        // A brace would take the place of the hash tag, and the keys of a request their common slot.
        if self.prefix.is_empty()
            || !self.prefix.bytes().all(|byte| byte.is_ascii_graphic())
            || self.prefix.contains(['{', '}'])
        {
            return Err(RedisStoreError::Prefix);
        }
        let mut nodes = Vec::with_capacity(self.urls.len());
        for url in &self.urls {
            nodes.push(self.node(url)?);
        }
        let is_tls = |node: &ConnectionInfo| matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        let is_secure = nodes.iter().any(is_tls);
        if !is_secure && (self.roots.is_some() || self.identity.is_some()) {
            return Err(RedisStoreError::Plain);
        }
        let certificates = is_secure
            .then(|| Certificates { roots: self.roots.clone(), identity: self.identity.clone() });
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        if self.roots.as_deref().is_some_and(|pem| !has_certificates(pem)) {
            return Err(RedisStoreError::Certificate);
        }
        Target::new(nodes, self.is_cluster, certificates, self.timeout)
    }

    fn node(&self, url: &str) -> Result<ConnectionInfo, RedisStoreError> {
        let is_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
        if is_tls {
            ensure_provider()?;
        }
        let node = url.into_connection_info().map_err(|_| RedisStoreError::Url)?;
        // Redis tells on a connection of this version when it goes away.
        let mut settings =
            node.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            let password = password.plain().to_str().map_err(|_| RedisStoreError::Url)?;
            settings = settings.set_password(password);
        }
        match node.addr() {
            ConnectionAddr::TcpTls { insecure: true, .. } => Err(RedisStoreError::Url),
            _ => Ok(node.set_redis_settings(settings)),
        }
    }
}

/// The crate `redis` uses the default of the process, and rustls panics where there is none that it
/// could choose. One that the host has installed stays.
fn ensure_provider() -> Result<(), RedisStoreError> {
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        #[cfg(feature = "tls-aws-lc-rs")]
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        #[cfg(not(feature = "tls-aws-lc-rs"))]
        let provider = rustls::crypto::ring::default_provider();
        // Another thread may have been first, which is as good.
        let _ = provider.install_default();
    }
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    return Ok(());
    #[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
    Err(RedisStoreError::NoTls)
}

/// A text without one would be no error, and no server be trusted.
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
fn has_certificates(pem: &[u8]) -> bool {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}
