//! An [`Identity`] from a signed token: a verifier, and a layer to put above the gateway.
//!
//! [`JwtVerifier`] checks a token's signature, issuer, audience and times, and maps its claims to
//! an identity. [`JwtLayer`] finds the token in a request's headers, inserts the identity into the
//! extensions for the gateway, and removes the token so that no provider sees it. The keys come
//! from a [`Jwks`]: a text, a file, or the issuer's URL.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "client")] {
//! use axum::Router;
//! use tower_ai_gateway::jwt::{Jwks, JwtLayer, JwtVerifier};
//! use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
//!
//! // Cloudflare Access: people have an email, service tokens a common name.
//! let team = "https://example.cloudflareaccess.com";
//! let verifier = JwtVerifier::builder(Jwks::from_url(&format!("{team}/cdn-cgi/access/certs"))?)
//!     .issuer(team)
//!     .audience("the application's AUD tag")
//!     .subject_claims(["email", "common_name"])
//!     .build()?;
//!
//! let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
//! let app: Router = Router::new()
//!     .layer(gateway.upstream(HttpClient::new()?))
//!     .layer(JwtLayer::new(verifier)); // added last, so it sees a request first
//! # let _ = app; }
//! # Ok(()) }
//! ```
//!
//! Tokens are checked with aws-lc-rs, by the crate `jsonwebtoken`. If another crate enables its
//! other backend too, building a verifier installs aws-lc-rs as the process default, unless the
//! host has installed one.
//!
//! Keys from a file or URL need a tokio runtime.

mod algorithm;
mod body;
mod claims;
mod error;
mod jwks;
mod key_set;
mod layer;
mod refusal;
mod token;
mod verifier;

pub use self::algorithm::JwtAlgorithm;
pub use self::body::JwtBody;
pub use self::error::{JwksError, JwtConfigError, JwtError};
pub use self::jwks::{Jwks, JwksBuilder};
pub use self::layer::{Jwt, JwtFuture, JwtLayer};
pub use self::verifier::{JwtVerifier, JwtVerifierBuilder};
#[cfg(doc)]
use crate::util::identity::Identity;
