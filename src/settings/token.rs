//! The tokens with which clients authenticate to a gateway.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::util::hex;

/// A gateway token. Only its SHA-256 is kept.
///
/// A client sends it as `cf-aig-authorization: Bearer {token}`. Several may be valid at once, so
/// that one can be replaced without downtime.
///
/// ```
/// use tower_ai_gateway::settings::{GatewaySettings, GatewayToken};
///
/// // Both are valid until the old one is removed.
/// let settings = GatewaySettings::builder()
///     .token(GatewayToken::new("the-token-until-today"))
///     .token(GatewayToken::new("the-token-of-tomorrow"))
///     .build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone)]
pub struct GatewayToken {
    digest: [u8; 32],
    /// Only known if the token was given as text.
    is_short: bool,
}

/// The minimum length of a token in bytes: 64 bits, if they are random.
const SHORTEST: usize = 8;

/// Placeholders that are easily left in place.
const WELL_KNOWN: &str = "example example-token test token secret changeme change-me password admin \
                          default gateway demo foobar 12345678 123456789 1234567890";

impl GatewayToken {
    /// Creates the token from its text, which is trimmed and not kept. It must have 8 bytes or
    /// more, which `build` of the settings checks. Use 32 random bytes or so.
    #[must_use]
    pub fn new(token: impl AsRef<[u8]>) -> Self {
        let token = token.as_ref().trim_ascii();
        Self { digest: digest(token), is_short: token.len() < SHORTEST }
    }

    /// What it is known by.
    #[cfg(any(feature = "cache", feature = "limits"))]
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns true if the token is the empty text.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::new("")
    }

    /// Returns true if the token is known to have fewer than 8 bytes.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Returns true if the token is known to have fewer than 8 bytes, or is a placeholder such as
    /// `changeme`. A settings file with such a token is refused.
    #[must_use]
    pub fn is_guessable(&self) -> bool {
        self.is_short || self.is_well_known()
    }

    /// Returns true if it is a placeholder or a single byte, which an attacker would try.
    fn is_well_known(&self) -> bool {
        let one_character = (0..=u8::MAX).any(|byte| *self == Self::new([byte]));
        one_character || WELL_KNOWN.split(' ').any(|word| *self == Self::new(word))
    }

    /// Creates the token from its SHA-256.
    #[must_use]
    pub fn from_sha256(digest: [u8; 32]) -> Self {
        Self { digest, is_short: false }
    }

    /// Creates the token from its SHA-256 in 64 hexadecimal digits, as `sha256sum` prints it.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        hex::read(digits).map(Self::from_sha256)
    }
}

impl PartialEq for GatewayToken {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for GatewayToken {}

impl fmt::Debug for GatewayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayToken(..)")
    }
}

/// Credentials are recognised by this digest.
pub(crate) fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Four numbers take an eighth of the time to compare that 32 bytes take.
fn words(digest: &[u8; 32]) -> [u64; 4] {
    [0, 8, 16, 24].map(|from| u64::from_ne_bytes(std::array::from_fn(|at| digest[from + at])))
}

/// Which of the tokens has this digest; of several, the first. Compares in constant time: all tokens, to
/// the last byte.
pub(crate) fn position(tokens: &[GatewayToken], shown: &[u8; 32]) -> Option<usize> {
    let mut position = None;
    for (at, token) in tokens.iter().enumerate().rev() {
        if bool::from(words(&token.digest).ct_eq(&words(shown))) {
            position = Some(at);
        }
    }
    position
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
        assert_eq!(position(&tokens, &digest(b"example")), Some(1));
        assert_eq!(position(&tokens, &digest(b"exampl")), None);
        assert_eq!(position(&[], &digest(b"")), None);
        assert_eq!(format!("{:?}", tokens[0]), "GatewayToken(..)");
    }

    #[test]
    fn a_digest_of_what_everybody_tries_first_is_known() {
        for word in ["", "a", "~", "example", "changeme", "example-token"] {
            assert!(GatewayToken::from_sha256(digest(word.as_bytes())).is_guessable(), "{word}");
        }
        assert!(!GatewayToken::from_sha256(digest(b"another-token")).is_guessable());
        assert!(GatewayToken::new("k7mfqx2 ").is_guessable());
        assert!(!GatewayToken::new("k7mfqx2w").is_guessable());
    }
}
