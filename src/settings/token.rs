//! What clients of a gateway show to be let in.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// A gateway token, kept as its SHA-256 alone.
///
/// A client shows it as `cf-aig-authorization: Bearer {token}`. Several may be valid at once, so
/// that one can be replaced while it is in use.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayToken([u8; 32]);

impl GatewayToken {
    /// The token with this text, which is not kept; blanks around it are left out.
    #[must_use]
    pub fn new(token: impl AsRef<[u8]>) -> Self {
        Self(digest(token.as_ref().trim_ascii()))
    }

    /// Everybody has that one.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::new("")
    }

    /// The token with this SHA-256.
    #[must_use]
    pub fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The token with this SHA-256, written as 64 hexadecimal digits, as `sha256sum` does.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut digest = [0; 32];
        let digits = digits.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            let hex = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(hex(pair[0])? << 4 | hex(pair[1])?).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Debug for GatewayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayToken(..)")
    }
}

/// What stands for a credential where it must be known again but not be kept.
pub(crate) fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether one of the tokens has this digest. All are compared, and each to its last byte, so that
/// the time it takes tells nothing.
pub(super) fn accepts(tokens: &[GatewayToken], shown: &[u8; 32]) -> bool {
    let mut accepted = Choice::from(0);
    for token in tokens {
        accepted |= token.0.ct_eq(shown);
    }
    accepted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_by_their_digests() {
        // printf '%s' example | sha256sum
        let hex = "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c";
        let token = GatewayToken::new("example");
        assert_eq!(GatewayToken::from_hex(hex), Some(token.clone()));
        assert_eq!(GatewayToken::from_hex(&hex.to_uppercase()), Some(token.clone()));
        assert_eq!(GatewayToken::new(" example\n"), token);
        assert_eq!(GatewayToken::from_hex(&hex[1..]), None);
        assert_eq!(GatewayToken::from_hex(&hex.replace('5', "x")), None);
        let tokens = [GatewayToken::new("other"), token];
        assert!(accepts(&tokens, &digest(b"example")));
        assert!(!accepts(&tokens, &digest(b"exampl")));
        assert!(!accepts(&[], &digest(b"")));
        assert_eq!(format!("{:?}", tokens[0]), "GatewayToken(..)");
    }
}
