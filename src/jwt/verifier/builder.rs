//! What a verifier accepts.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Validation;
use jsonwebtoken::crypto::{CryptoProvider, aws_lc};

use super::{Inner, JwtVerifier};
use crate::jwt::algorithm::{JwtAlgorithm, USUAL};
use crate::jwt::claims::Mapping;
use crate::jwt::error::JwtConfigError;
use crate::jwt::jwks::Jwks;
use crate::util::macros::setters;

const LEEWAY: Duration = Duration::from_secs(60);
const MOST_LEEWAY: Duration = Duration::from_secs(3600);

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

impl JwtVerifierBuilder {
    pub(super) fn new(jwks: Jwks) -> Self {
        Self {
            jwks,
            issuer: None,
            audiences: Vec::new(),
            algorithms: USUAL.to_vec(),
            leeway: LEEWAY,
            mapping: Mapping::default(),
        }
    }
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
    /// A token with more groups than an [`Identity`](crate::Identity) can have is refused, unless
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
