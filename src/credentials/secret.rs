//! Keys, as the gateway keeps them.

use std::fmt;
use std::path::Path;

use http::HeaderValue;

use crate::util::text::is_visible;

/// A key, ready to be put into a header. Nothing can print it: not `Debug`, not `Display`, no
/// serializer, and as a header it is marked sensitive.
///
/// ```
/// use tower_ai_gateway::settings::Secret;
///
/// let key = Secret::new("example-key")?;
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// # Ok::<(), tower_ai_gateway::settings::SecretError>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    plain: HeaderValue,
    bearer: HeaderValue,
}

impl Secret {
    /// A key of 1 to 4096 visible ASCII characters; blanks around it are left out.
    ///
    /// # Errors
    ///
    /// Where it is empty, too long, or holds what a key cannot.
    pub fn new(key: impl AsRef<str>) -> Result<Self, SecretError> {
        let key = key.as_ref().trim();
        let is_key = is_visible(key.as_bytes(), 4096);
        let value = |text: &str| HeaderValue::from_str(text).ok().filter(|_| is_key);
        let (Some(mut plain), Some(mut bearer)) = (value(key), value(&format!("Bearer {key}")))
        else {
            return Err(SecretError::Malformed { place: "the text".into() });
        };
        plain.set_sensitive(true);
        bearer.set_sensitive(true);
        Ok(Self { plain, bearer })
    }

    /// The key in an environment variable.
    ///
    /// # Errors
    ///
    /// Where there is no such variable, or it holds no key.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        let place = || format!("the environment variable {name}").into();
        let text = std::env::var(name);
        let text = text.map_err(|_| SecretError::Missing { place: place() })?;
        Self::new(text).map_err(|_| SecretError::Malformed { place: place() })
    }

    /// The key in a regular file, which holds nothing else.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or holds no key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let place = || format!("the file {}", path.display()).into();
        let text = crate::util::file::read(path);
        let text = text.map_err(|_| SecretError::Missing { place: place() })?;
        Self::new(text).map_err(|_| SecretError::Malformed { place: place() })
    }

    /// The key alone, as `x-api-key` wants it.
    pub(crate) fn plain(&self) -> &HeaderValue {
        &self.plain
    }

    /// `Bearer` and the key, as `authorization` wants it.
    pub(crate) fn bearer(&self) -> &HeaderValue {
        &self.bearer
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.plain.as_bytes().ct_eq(other.plain.as_bytes()).into()
    }
}

impl Eq for Secret {}

/// A key that cannot be had. It says from where, and never what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is nothing at the place.
    #[error("{place} is not there or cannot be read")]
    Missing {
        /// The variable or file.
        place: Box<str>,
    },
    /// What is there is no key: 1 to 4096 visible ASCII characters.
    #[error("{place} holds no key: 1 to 4096 visible ASCII characters")]
    Malformed {
        /// The variable or file.
        place: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let secret = Secret::new(" sk-LEAK-1\n").unwrap();
        assert_eq!(secret.bearer().as_bytes(), b"Bearer sk-LEAK-1");
        assert_eq!(secret.plain().as_bytes(), b"sk-LEAK-1");
        let shown = format!("{secret:?} {:?} {:?}", secret.bearer(), secret.plain());
        assert!(!shown.contains("LEAK"), "{shown}");
        let error = Secret::new("sk-LEAK 2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("LEAK"));
    }

    #[test]
    fn keys_come_from_files_and_variables_and_errors_say_from_which() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sk-LEAK-3\n").unwrap();
        let secret = Secret::from_file(file.path()).unwrap();
        assert_eq!(secret, Secret::new("sk-LEAK-3").unwrap());
        assert_ne!(secret, Secret::new("sk-LEAK-4").unwrap());
        std::fs::write(file.path(), "two words").unwrap();
        let error = Secret::from_file(file.path()).unwrap_err().to_string();
        assert!(error.contains("the file ") && !error.contains("two"), "{error}");
        let error = Secret::from_env("NO_SUCH_VARIABLE_HERE").unwrap_err().to_string();
        assert!(error.contains("NO_SUCH_VARIABLE_HERE"), "{error}");
    }
}
