//! The signature algorithms that a host may accept.

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::KeyAlgorithm;

/// A signature algorithm of a token. The signing key is always private to the issuer.
///
/// There is no `none` and no `HS256`, so a public key cannot be misused as a shared secret.
///
/// ```
/// use tower_ai_gateway::jwt::JwtAlgorithm;
///
/// assert_eq!(JwtAlgorithm::named("ES256"), Some(JwtAlgorithm::Es256));
/// assert_eq!(JwtAlgorithm::named("HS256"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA with Ed25519.
    EdDsa,
}

/// All algorithms in order, with their names in `jsonwebtoken`.
const ALL: [(JwtAlgorithm, Algorithm); 9] = [
    (JwtAlgorithm::Rs256, Algorithm::RS256),
    (JwtAlgorithm::Rs384, Algorithm::RS384),
    (JwtAlgorithm::Rs512, Algorithm::RS512),
    (JwtAlgorithm::Ps256, Algorithm::PS256),
    (JwtAlgorithm::Ps384, Algorithm::PS384),
    (JwtAlgorithm::Ps512, Algorithm::PS512),
    (JwtAlgorithm::Es256, Algorithm::ES256),
    (JwtAlgorithm::Es384, Algorithm::ES384),
    (JwtAlgorithm::EdDsa, Algorithm::EdDSA),
];

/// The default of a verifier.
pub(super) const USUAL: [JwtAlgorithm; 3] =
    [JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa];

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl JwtAlgorithm {
    /// The algorithm with this name, as in tokens: `RS256`, `ES256`, `EdDSA`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::of_header(name.parse().ok()?)
    }

    /// The algorithm of a token's header; `None` for those with a shared secret.
    pub(super) fn of_header(algorithm: Algorithm) -> Option<Self> {
        ALL.iter().find(|(_, inner)| *inner == algorithm).map(|(own, _)| *own)
    }

    pub(super) fn inner(self) -> Algorithm {
        ALL[self as usize].1
    }

    /// The algorithm in a key's `alg`; `None` if the key is not for these signatures.
    pub(super) fn of_key(algorithm: KeyAlgorithm) -> Option<Self> {
        Algorithm::try_from(algorithm).ok().and_then(Self::of_header)
    }

    pub(super) fn curve(self) -> Curve {
        match self {
            Self::Es256 => Curve::P256,
            Self::Es384 => Curve::P384,
            Self::EdDsa => Curve::Ed25519,
            _ => Curve::Rsa,
        }
    }
}
