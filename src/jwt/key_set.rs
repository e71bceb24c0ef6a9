//! The keys of a JWKS (RFC 7517) that can check signatures.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde_json::Value;

use super::algorithm::{Curve, JwtAlgorithm};
use super::error::{JwksError, JwtError};

/// The public keys of an issuer.
pub(super) struct KeySet(Vec<Key>);

struct Key {
    id: Option<Box<str>>,
    curve: Curve,
    /// The only algorithm it is for, if the key names one.
    algorithm: Option<JwtAlgorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Parses a set. Keys for other purposes and unreadable keys are skipped: an issuer may have
    /// kinds of keys that are unknown here.
    pub(super) fn parse(json: &[u8]) -> Result<Self, JwksError> {
        #[derive(serde::Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| JwksError::Malformed)?;
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(JwksError::NoUsableKey) } else { Ok(Self(keys)) }
    }

    /// The key that a token names. A token need not name one if the set has a single key.
    pub(super) fn find(
        &self,
        id: Option<&str>,
        algorithm: JwtAlgorithm,
    ) -> Result<&DecodingKey, JwtError> {
        let Some(id) = id else {
            return match &self.0[..] {
                [key] => key.usable_for(algorithm).ok_or(JwtError::Algorithm),
                _ => Err(JwtError::NoKeyId),
            };
        };
        // Keys of different kinds may share an id (RFC 7517 §4.5).
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_none() {
            return Err(JwtError::UnknownKey);
        }
        named.find_map(|key| key.usable_for(algorithm)).ok_or(JwtError::Algorithm)
    }
}

impl Key {
    fn read(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let curve = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Curve::Rsa,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Curve::P256
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
                Curve::P384
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Curve::Ed25519
            }
            // A shared secret does not belong into a public set.
            _ => return None,
        };
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|own| *own == PublicKeyUse::Signature);
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !is_for_signatures || !verifies {
            return None;
        }
        let algorithm = match common.key_algorithm {
            Some(algorithm) => {
                Some(JwtAlgorithm::of_key(algorithm).filter(|own| own.curve() == curve)?)
            }
            None => None,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: common.key_id.as_deref().map(Box::from), curve, algorithm, key })
    }

    fn usable_for(&self, algorithm: JwtAlgorithm) -> Option<&DecodingKey> {
        let is_its_own = self.algorithm.is_none_or(|own| own == algorithm);
        (is_its_own && self.curve == algorithm.curve()).then_some(&self.key)
    }
}
