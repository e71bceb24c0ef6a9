//! Why a token gives no identity, why there are no keys, and what a verifier lacks.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;

use crate::util::identity::IdentityError;

/// Why a token gives no identity. Nothing of the token is in it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// There is none.
    #[error("there is no token")]
    Missing,
    /// A header that holds a token is there more than once.
    #[error("a header with a token is there more than once")]
    Repeated,
    /// It is longer than 16 KiB.
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// It is no JWT, or its header asks for what is not known here.
    #[error("the token is malformed")]
    Malformed,
    /// It is signed in a way that the host does not accept, or that its key is not for.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// It does not say with which of several keys it is signed.
    #[error("the token does not name its key")]
    NoKeyId,
    /// Its issuer has no such key.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// Its signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It was valid until some time ago.
    #[error("the token has expired")]
    Expired,
    /// It will be valid later.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is of another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim is not there that must be.
    #[error("the token has no claim {claim}")]
    MissingClaim {
        /// Its name, or where it was looked for.
        claim: Box<str>,
    },
    /// A claim that the host reads has another type than it can have.
    #[error("the token's claim {claim} cannot be used")]
    Claim {
        /// Its name, or where it was looked for.
        claim: Box<str>,
    },
    /// Its claims make no identity: a text is too long, or there are too many groups.
    #[error("the token's claims make no identity")]
    Identity(#[source] IdentityError),
    /// The issuer's keys cannot be had: this says nothing of the token.
    #[error("the keys of the token's issuer cannot be had")]
    Keys(#[source] JwksError),
}

/// Why the keys of an issuer cannot be had.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JwksError {
    /// The URL is not one of `https`, or of `http` on this machine alone, or it holds credentials.
    Url,
    /// The file cannot be read.
    File(Arc<io::Error>),
    /// The client has failed.
    Client(Arc<dyn Error + Send + Sync>),
    /// The issuer answers with another status than 200. Redirects are not followed.
    Status(StatusCode),
    /// The set is larger than 1 MiB.
    TooLarge,
    /// The issuer did not answer in time.
    Timeout,
    /// What there is is no JWKS.
    Malformed,
    /// The set has no key that signatures can be checked with.
    NoUsableKey,
    /// What there was is too old, and nothing newer came.
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
            Self::Client(_) => f.write_str("the issuer cannot be asked for its keys"),
            Self::Status(status) => write!(f, "the issuer answers {status} in place of its keys"),
            Self::TooLarge => f.write_str("the set of keys is larger than 1 MiB"),
            Self::Timeout => f.write_str("the issuer did not give its keys in time"),
            Self::Malformed => f.write_str("what should be the keys is no JWKS"),
            Self::NoUsableKey => f.write_str("the JWKS has no key for signatures"),
            Self::TooOld => {
                f.write_str("the issuer's keys are too old, and there are no newer ones")
            }
            Self::NoRuntime => f.write_str("keys can be fetched in a tokio runtime alone"),
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

/// What a verifier cannot be built with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtConfigError {
    /// No issuer was named: anybody's tokens would do.
    #[error("tokens need an issuer")]
    NoIssuer,
    /// No audience was named: tokens for other services would do.
    #[error("tokens need an audience")]
    NoAudience,
    /// No algorithm is left.
    #[error("tokens need an algorithm")]
    NoAlgorithm,
    /// No claim is left for the subject.
    #[error("tokens need a claim for the subject")]
    NoSubject,
    /// More leeway than an hour.
    #[error("the leeway must be an hour at most")]
    Leeway,
    /// No identity can have these labels.
    #[error("no identity can have these labels")]
    Labels(#[source] IdentityError),
}
