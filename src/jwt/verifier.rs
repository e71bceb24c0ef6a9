//! Checks tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::crypto::{CryptoProvider, aws_lc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::algorithm::{JwtAlgorithm, USUAL};
use super::claims::Mapping;
use super::error::{JwtConfigError, JwtError};
use super::jwks::{Flight, Jwks, Known};
use super::key_set::KeySet;
use super::token;
use crate::util::identity::Identity;
use crate::util::macros::setters;

const LEEWAY: Duration = Duration::from_secs(60);
const MOST_LEEWAY: Duration = Duration::from_secs(3600);

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

/// Builds a [`JwtVerifier`].
///
/// ```
/// # let keys = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
/// #     "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
/// #     "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
/// use tower_ai_gateway::jwt::{Jwks, JwtAlgorithm, JwtVerifier};
///
/// let verifier = JwtVerifier::builder(Jwks::from_json(keys)?)
///     .issuer("https://issuer.example")
///     .audience("gateway")
///     .algorithms([JwtAlgorithm::Es256])
///     .subject_claims(["email", "sub"])
///     .groups_claim("groups")
///     .build()?;
/// # let _ = verifier;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct JwtVerifierBuilder {
    jwks: Jwks,
    issuer: Option<String>,
    audiences: Vec<String>,
    algorithms: Vec<JwtAlgorithm>,
    leeway: Duration,
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
        JwtVerifierBuilder {
            jwks,
            issuer: None,
            audiences: Vec::new(),
            algorithms: USUAL.to_vec(),
            leeway: LEEWAY,
            mapping: Mapping::default(),
        }
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

setters! { impl JwtVerifierBuilder {
    /// The exact value of `iss`.
    pub fn issuer(self, issuer: impl Into<String>) => self.issuer = Some(issuer.into());

    /// A value that must be in `aud`. If called several times, one match is enough.
    pub fn audience(self, audience: impl Into<String>) => self.audiences.push(audience.into());

    /// The accepted algorithms. Default: `RS256`, `ES256` and `EdDSA`.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = JwtAlgorithm>) =>
        self.algorithms = algorithms.into_iter().collect();

    /// How much the clocks may differ, for `exp` and `nbf`. Default: 60 s; at most an hour, in
    /// whole seconds.
    pub fn leeway(self, leeway: Duration) => self.leeway = leeway;

    /// The claims that name the subject; the first one that is present and not empty counts.
    /// Default: `sub`.
    ///
    /// Give claims by name or as a JSON pointer, such as `/custom/team`. A claim that users choose
    /// themselves, such as an unverified `email`, proves nothing.
    pub fn subject_claims<C: Into<String>>(self, claims: impl IntoIterator<Item = C>) =>
        self.mapping.subject = claims.into_iter().map(Into::into).collect();

    /// The claim with the groups: a list of texts, or one text with words. Default: none.
    ///
    /// A token with more groups than an [`Identity`] can have is refused, unless
    /// [`only_groups`](Self::only_groups) leaves few enough.
    pub fn groups_claim(self, claim: impl Into<String>) => self.mapping.groups = Some(claim.into());

    /// The only groups to use; others are dropped. Default: all.
    pub fn only_groups<G: Into<String>>(self, groups: impl IntoIterator<Item = G>) =>
        self.mapping.known_groups = Some(groups.into_iter().map(Into::into).collect());

    /// Adds a label to the identity from a claim with a text, number or boolean. Without that
    /// claim, the label is missing. If the claim has another type or is too long for a label, the
    /// token is refused.
    pub fn label(self, name: impl Into<String>, claim: impl Into<String>) =>
        self.mapping.label(name.into(), claim.into(), false);

    /// The same for a label that [metrics get
    /// too](crate::util::identity::IdentityBuilder::metric_label).
    pub fn metric_label(self, name: impl Into<String>, claim: impl Into<String>) =>
        self.mapping.label(name.into(), claim.into(), true);
}}

impl JwtVerifierBuilder {
    /// Checks everything and builds the verifier.
    ///
    /// # Errors
    ///
    /// If there is no issuer, audience, algorithm or claim for the subject, the leeway is too long,
    /// or an identity cannot have the labels.
    pub fn build(self) -> Result<JwtVerifier, JwtConfigError> {
        let Self { jwks, issuer, audiences, algorithms, leeway, mapping } = self;
        let issuer = issuer.filter(|issuer| !issuer.is_empty()).ok_or(JwtConfigError::NoIssuer)?;
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err(JwtConfigError::NoAudience);
        }
        if algorithms.is_empty() {
            return Err(JwtConfigError::NoAlgorithm);
        }
        if mapping.subject.is_empty() {
            return Err(JwtConfigError::NoSubject);
        }
        if leeway > MOST_LEEWAY {
            return Err(JwtConfigError::Leeway);
        }
        mapping.check_labels().map_err(JwtConfigError::Labels)?;
        // With two backends in one build, `jsonwebtoken` chooses none, and the first decode would
        // panic.
        if CryptoProvider::try_get_default().is_none() {
            let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        }
        let validation = |algorithm: &JwtAlgorithm| {
            let mut validation = Validation::new(algorithm.inner());
            validation.set_issuer(&[&issuer]);
            validation.set_audience(&audiences);
            validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            validation.validate_nbf = true;
            validation.leeway = leeway.as_secs();
            (*algorithm, validation)
        };
        let validations = algorithms.iter().map(validation).collect();
        Ok(JwtVerifier(Arc::new(Inner { jwks, issuer, validations, mapping })))
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("issuer", &self.0.issuer)
            .field("jwks", &self.0.jwks)
            .finish_non_exhaustive()
    }
}
