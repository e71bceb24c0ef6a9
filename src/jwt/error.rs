//! Why a token gives no identity, why there are no keys, and what a verifier lacks.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;

use crate::util::identity::IdentityError;

/// Why a token gives no identity. Nothing of the token is in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JwtError {
    /// There is none.
    Missing,
    /// A header that holds a token is there more than once.
    Repeated,
    /// It is longer than 16 KiB.
    TooLong,
    /// It is no JWT, or its header asks for what is not known here.
    Malformed,
    /// It is signed in a way that the host does not accept, or that its key is not for.
    Algorithm,
    /// It does not say with which of several keys it is signed.
    NoKeyId,
    /// Its issuer has no such key.
    UnknownKey,
    /// Its signature is wrong.
    Signature,
    /// It was valid until some time ago.
    Expired,
    /// It will be valid later.
    NotYetValid,
    /// It is of another issuer.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// A claim is not there that must be.
    MissingClaim {
        /// Its name, or where it was looked for.
        claim: Box<str>,
    },
    /// A claim that the host reads has another type than it can have.
    Claim {
        /// Its name, or where it was looked for.
        claim: Box<str>,
    },
    /// Its claims make no identity: a text is too long, or there are too many groups.
    Identity(IdentityError),
    /// The issuer's keys cannot be had: this says nothing of the token.
    Keys(JwksError),
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no token"),
            Self::Repeated => f.write_str("a header with a token is there more than once"),
            Self::TooLong => f.write_str("the token is longer than 16 KiB"),
            Self::Malformed => f.write_str("the token is malformed"),
            Self::Algorithm => f.write_str("the token's algorithm is not accepted"),
            Self::NoKeyId => f.write_str("the token does not name its key"),
            Self::UnknownKey => f.write_str("the token's key is unknown"),
            Self::Signature => f.write_str("the token's signature is wrong"),
            Self::Expired => f.write_str("the token has expired"),
            Self::NotYetValid => f.write_str("the token is not valid yet"),
            Self::Issuer => f.write_str("the token is of another issuer"),
            Self::Audience => f.write_str("the token is for another audience"),
            Self::MissingClaim { claim } => write!(f, "the token has no claim {claim}"),
            Self::Claim { claim } => write!(f, "the token's claim {claim} cannot be used"),
            Self::Identity(_) => f.write_str("the token's claims make no identity"),
            Self::Keys(_) => f.write_str("the keys of the token's issuer cannot be had"),
        }
    }
}

impl Error for JwtError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Identity(error) => Some(error),
            Self::Keys(error) => Some(error),
            _ => None,
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwtConfigError {
    /// No issuer was named: anybody's tokens would do.
    NoIssuer,
    /// No audience was named: tokens for other services would do.
    NoAudience,
    /// No algorithm is left.
    NoAlgorithm,
    /// No claim is left for the subject.
    NoSubject,
    /// More leeway than an hour.
    Leeway,
    /// No identity can have these labels.
    Labels(IdentityError),
}

impl fmt::Display for JwtConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoIssuer => "tokens need an issuer",
            Self::NoAudience => "tokens need an audience",
            Self::NoAlgorithm => "tokens need an algorithm",
            Self::NoSubject => "tokens need a claim for the subject",
            Self::Leeway => "the leeway must be an hour at most",
            Self::Labels(_) => "no identity can have these labels",
        })
    }
}

impl Error for JwtConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Labels(error) => Some(error),
            _ => None,
        }
    }
}
