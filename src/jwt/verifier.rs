//! Checks tokens.

mod builder;

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

pub use self::builder::JwtVerifierBuilder;
use super::algorithm::JwtAlgorithm;
use super::claims::Mapping;
use super::error::JwtError;
use super::jwks::{Flight, Jwks, Known};
use super::key_set::KeySet;
use super::token;
use crate::util::identity::Identity;

/// Checks tokens of one issuer and returns the identity of the caller.
///
/// A token must be signed with one of the issuer's keys and an accepted algorithm, and have `iss`,
/// `aud` and `exp`; `nbf` is checked if present. Cheap to clone; clones share their keys.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_ai_gateway::jwt::{Jwks, JwtError, JwtVerifier};
///
/// # let keys = KEYS;
/// let verifier = JwtVerifier::builder(Jwks::from_json(keys)?)
///     .issuer("https://issuer.example")
///     .audience("gateway")
///     .build()?;
/// assert!(matches!(verifier.verify("not-a-token").await, Err(JwtError::Malformed)));
/// # Ok(()) }
/// # const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
/// #     "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
/// #     "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
/// ```
#[derive(Clone)]
pub struct JwtVerifier(Arc<Inner>);

struct Inner {
    jwks: Jwks,
    issuer: String,
    validations: Vec<(JwtAlgorithm, Validation)>,
    mapping: Mapping,
}

/// A token that waits for keys.
pub(super) struct Waiting {
    verifier: JwtVerifier,
    token: String,
    claimed: Claimed,
    flight: Flight,
}

/// The header of a token.
struct Claimed {
    algorithm: JwtAlgorithm,
    key_id: Option<String>,
}

impl JwtVerifier {
    /// Starts a verifier with the issuer's keys. It also needs an
    /// [issuer](JwtVerifierBuilder::issuer) and an [audience](JwtVerifierBuilder::audience).
    pub fn builder(jwks: Jwks) -> JwtVerifierBuilder {
        JwtVerifierBuilder::new(jwks)
    }

    /// Returns the token's identity. If keys must be fetched first, it waits for at most 5 s.
    ///
    /// # Errors
    ///
    /// If the token is invalid, or the keys are unavailable ([`JwtError::Keys`]).
    pub async fn verify(&self, token: &str) -> Result<Identity, JwtError> {
        match self.begin(token) {
            Ok(done) => done,
            Err(waiting) => waiting.finish().await,
        }
    }

    /// The issuer's keys.
    #[must_use]
    pub fn jwks(&self) -> &Jwks {
        &self.0.jwks
    }

    pub(super) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The same checks with other keys.
    #[cfg(feature = "config")]
    pub(super) fn with_jwks(&self, jwks: Jwks) -> Self {
        let Inner { issuer, validations, mapping, .. } = &*self.0;
        let (issuer, validations, mapping) = (issuer.clone(), validations.clone(), mapping.clone());
        Self(Arc::new(Inner { jwks, issuer, validations, mapping }))
    }

    /// Checks the token at once if its key is known.
    pub(super) fn begin(&self, token: &str) -> Result<Result<Identity, JwtError>, Waiting> {
        let claimed = match self.read_header(token) {
            Ok(claimed) => claimed,
            Err(error) => return Ok(Err(error)),
        };
        let wait = |claimed, flight| Waiting {
            verifier: self.clone(),
            token: token.to_owned(),
            claimed,
            flight,
        };
        let set = match self.0.jwks.keys() {
            Known::Keys(set) => set,
            Known::Coming(flight) => return Err(wait(claimed, flight)),
            Known::Failed(error) => return Ok(Err(JwtError::Keys(error))),
        };
        match self.check(token, &claimed, &set) {
            // The issuer may have a new key.
            Err(JwtError::UnknownKey) => match self.0.jwks.keys_after(&set) {
                Some(Known::Keys(set)) => Ok(self.check(token, &claimed, &set)),
                Some(Known::Coming(flight)) => Err(wait(claimed, flight)),
                Some(Known::Failed(error)) => Ok(Err(JwtError::Keys(error))),
                None => Ok(Err(JwtError::UnknownKey)),
            },
            checked => Ok(checked),
        }
    }

    fn read_header(&self, token: &str) -> Result<Claimed, JwtError> {
        if token.len() > token::LONGEST {
            return Err(JwtError::TooLong);
        }
        let header = decode_header(token).map_err(|_| JwtError::Malformed)?;
        let algorithm = JwtAlgorithm::of_header(header.alg).ok_or(JwtError::Algorithm)?;
        match self.validation(algorithm) {
            Some(_) => Ok(Claimed { algorithm, key_id: header.kid }),
            None => Err(JwtError::Algorithm),
        }
    }

    fn validation(&self, algorithm: JwtAlgorithm) -> Option<&Validation> {
        let mut all = self.0.validations.iter();
        all.find(|(own, _)| *own == algorithm).map(|(_, validation)| validation)
    }

    fn check(&self, token: &str, claimed: &Claimed, set: &KeySet) -> Result<Identity, JwtError> {
        let key = set.find(claimed.key_id.as_deref(), claimed.algorithm)?;
        let validation = self.validation(claimed.algorithm).ok_or(JwtError::Algorithm)?;
        self.0.mapping.identity(&claims(token, key, validation)?)
    }
}

impl Waiting {
    pub(super) async fn finish(self) -> Result<Identity, JwtError> {
        let Self { verifier, token, claimed, flight } = self;
        flight.landed().await;
        let (set, failure) = verifier.0.jwks.landed().map_err(JwtError::Keys)?;
        match (verifier.check(&token, &claimed, &set), failure) {
            // It may be a new key that could not be fetched.
            (Err(JwtError::UnknownKey), Some(failure)) => Err(JwtError::Keys(failure)),
            (checked, _) => checked,
        }
    }
}

/// The claims of a valid token.
fn claims(
    token: &str,
    key: &DecodingKey,
    validation: &Validation,
) -> Result<Map<String, Value>, JwtError> {
    let missing = |claim: &str| JwtError::MissingClaim { claim: claim.into() };
    let decoded = decode::<Map<String, Value>>(token, key, validation);
    decoded.map(|token| token.claims).map_err(|error| match error.kind() {
        ErrorKind::ExpiredSignature => JwtError::Expired,
        ErrorKind::ImmatureSignature => JwtError::NotYetValid,
        ErrorKind::InvalidIssuer => JwtError::Issuer,
        ErrorKind::InvalidAudience => JwtError::Audience,
        ErrorKind::InvalidSignature => JwtError::Signature,
        ErrorKind::InvalidAlgorithm => JwtError::Algorithm,
        ErrorKind::MissingRequiredClaim(claim) => missing(claim),
        // The message may quote the token.
        _ => JwtError::Malformed,
    })
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("issuer", &self.0.issuer)
            .field("jwks", &self.0.jwks)
            .finish_non_exhaustive()
    }
}
