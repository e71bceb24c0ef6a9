//! Why a token gives no identity, why keys are missing, and why a verifier cannot be built.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;

use crate::util::identity::IdentityError;

/// Why a token gives no identity. Never contains any part of the token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The request has no token.
    #[error("there is no token")]
    Missing,
    /// A header with a token is repeated.
    #[error("a header with a token is there more than once")]
    Repeated,
    /// It is longer than 16 KiB.
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// It is not a JWT, or its header requires something unknown.
    #[error("the token is malformed")]
    Malformed,
    /// The host does not accept its algorithm, or its key is for another one.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// It does not name its key, and the issuer has several.
    #[error("the token does not name its key")]
    NoKeyId,
    /// The issuer has no such key.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// Its signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is from another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// A required claim is missing.
    #[error("the token has no claim {claim}")]
    MissingClaim {
        /// The name of the claim, or where it was expected.
        claim: Box<str>,
    },
    /// A claim that is mapped has an unusable type.
    #[error("the token's claim {claim} cannot be used")]
    Claim {
        /// The name of the claim, or where it was expected.
        claim: Box<str>,
    },
    /// Its claims do not make an identity: a text is too long, or there are too many groups.
    #[error("the token's claims make no identity")]
    Identity(#[source] IdentityError),
    /// The issuer's keys are unavailable. This says nothing about the token.
    #[error("the keys of the token's issuer cannot be had")]
    Keys(#[source] JwksError),
}

/// Why the keys of an issuer are unavailable.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JwksError {
    /// The URL is neither `https` nor `http` on this machine, or it holds credentials.
    Url,
    /// The file cannot be read.
    File(Arc<io::Error>),
    /// The client failed.
    Client(Arc<dyn Error + Send + Sync>),
    /// The issuer answered with a status other than 200. Redirects are not followed.
    Status(StatusCode),
    /// The set is larger than 1 MiB.
    TooLarge,
    /// The issuer did not answer in time.
    Timeout,
    /// The data is not a JWKS.
    Malformed,
    /// The set has no key for checking signatures.
    NoUsableKey,
    /// The cached keys are too old, and no newer ones came.
    TooOld,
    /// There is no tokio runtime.
    NoRuntime,
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str(
                "the URL must be one of https, or of http on this machine, without credentials",
            ),
            Self::File(_) => f.write_str("the file of keys cannot be read"),
            Self::Client(_) => f.write_str("the request for the issuer's keys failed"),
            Self::Status(status) => write!(f, "the issuer answered with status {status}"),
            Self::TooLarge => f.write_str("the set of keys is larger than 1 MiB"),
            Self::Timeout => f.write_str("the issuer did not answer in time"),
            Self::Malformed => f.write_str("what should be the keys is no JWKS"),
            Self::NoUsableKey => f.write_str("the JWKS has no key for signatures"),
            Self::TooOld => {
                f.write_str("the issuer's keys are too old and there are no newer ones")
            }
            Self::NoRuntime => f.write_str("fetching keys needs a tokio runtime"),
        }
    }
}

impl Error for JwksError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => Some(&**error),
            Self::Client(error) => Some(&**error),
            _ => None,
        }
    }
}

/// Why a verifier cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtConfigError {
    /// No issuer is set: tokens from anyone would be accepted.
    #[error("tokens need an issuer")]
    NoIssuer,
    /// No audience is set: tokens for other services would be accepted.
    #[error("tokens need an audience")]
    NoAudience,
    /// There is no algorithm.
    #[error("tokens need an algorithm")]
    NoAlgorithm,
    /// There is no claim for the subject.
    #[error("tokens need a claim for the subject")]
    NoSubject,
    /// The leeway is more than an hour.
    #[error("the leeway must be at most an hour")]
    Leeway,
    /// An identity cannot have these labels.
    #[error("no identity can have these labels")]
    Labels(#[source] IdentityError),
}
