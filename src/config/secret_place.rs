//! The place of a key, token or header value: an environment variable or a file.

use serde::Deserialize;

use crate::config::error::ConfigFileErrorKind as Kind;
use crate::config::place::{Located as _, Mistake, Source, Text};
use crate::credentials::secret::Secret;

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
                Err(file.refuse(Kind::Conflict, "it must have either `env` or `file`, not both"))
            }
            (Some(env), None) => Ok(Some(Self::Env(env))),
            (None, file) => Ok(file.as_ref().map(Self::File)),
        }
    }

    /// Errors contain neither the name of the place nor what was found there.
    pub(super) fn read(&self, source: &Source<'_>) -> Result<Secret, Mistake> {
        let no_key = |_| self.refuse("holds no key: 1 to 4096 visible ASCII characters");
        Secret::new(self.text(source)?).map_err(no_key)
    }

    /// The value of a header, which may have spaces, as in `Basic …`.
    pub(super) fn read_header(&self, source: &Source<'_>) -> Result<String, Mistake> {
        let text = self.text(source)?;
        let value = text.trim();
        let is_value = (1..=4096).contains(&value.len())
            && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let wrong = "holds no value of a header: 1 to 4096 visible ASCII characters and spaces";
        if is_value { Ok(value.to_owned()) } else { Err(self.refuse(wrong)) }
    }

    fn text(&self, source: &Source<'_>) -> Result<String, Mistake> {
        let text = match self {
            Self::Env(name) => {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let text = name.get_ref();
                if text.is_empty() || !text.bytes().all(is_name) {
                    // Not repeated in the error: it may be the key itself.
                    let message = "it must be the name of an environment variable: A-Z a-z 0-9 _";
                    return Err(name.refuse(Kind::Value, message));
                }
                (source.env)(text)
            }
            Self::File(file) => crate::util::file::read(&source.path(file)).ok(),
        };
        text.ok_or_else(|| self.refuse("does not exist or cannot be read"))
    }

    /// The name of the place is not repeated in the error: it may be the key itself.
    fn refuse(&self, what: &str) -> Mistake {
        let (place, holder) = match self {
            Self::Env(name) => (name, "environment variable"),
            Self::File(file) => (file, "file"),
        };
        place.refuse(Kind::Secret, format_args!("the {holder} that it names {what}"))
    }
}
