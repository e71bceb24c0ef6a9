//! The place of a key or token: an environment variable or a file.

use serde::Deserialize;

use crate::config::error::ConfigFileErrorKind as Kind;
use crate::config::place::{Located as _, Mistake, Source, Text};
use crate::credentials::secret::{Secret, SecretError};

/// The environment variable or file with a key or token.
pub(super) enum SecretPlace<'t> {
    Env(&'t Text),
    File(&'t Text),
}

/// `{ env = "…" }` or `{ file = "…" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    env: Option<Text>,
    file: Option<Text>,
}

impl SecretTable {
    pub(super) fn secret_place(&self) -> Result<Option<SecretPlace<'_>>, Mistake> {
        SecretPlace::of(&self.env, &self.file)
    }
}

impl<'t> SecretPlace<'t> {
    pub(super) fn of(
        env: &'t Option<Text>,
        file: &'t Option<Text>,
    ) -> Result<Option<Self>, Mistake> {
        match (env, file) {
            (Some(_), Some(file)) => {
                Err(file.refuse(Kind::Conflict, "it has one of `env` and `file`, not both"))
            }
            (Some(env), None) => Ok(Some(Self::Env(env))),
            (None, file) => Ok(file.as_ref().map(Self::File)),
        }
    }

    /// Errors contain neither the name of the place nor what was found there.
    pub(super) fn read(&self, source: &Source<'_>) -> Result<Secret, Mistake> {
        match self {
            Self::Env(name) => {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let text = name.get_ref();
                if text.is_empty() || !text.bytes().all(is_name) {
                    // Not repeated in the error: it may be the key itself.
                    let message = "it must be the name of an environment variable: A-Z a-z 0-9 _";
                    return Err(name.refuse(Kind::Value, message));
                }
                (source.env)(text).map_err(|error| refuse(name, "environment variable", &error))
            }
            Self::File(file) => {
                Secret::from_file(source.path(file)).map_err(|error| refuse(file, "file", &error))
            }
        }
    }
}

/// The name of the place is not repeated in the error: it may be the key itself.
fn refuse(place: &Text, kind: &str, error: &SecretError) -> Mistake {
    let what = match error {
        SecretError::Missing { .. } => "is not there or cannot be read",
        SecretError::Malformed { .. } => "holds no key: 1 to 4096 visible ASCII characters",
    };
    place.refuse(Kind::Secret, format_args!("the {kind} that it names {what}"))
}
