//! Tokens and stored keys. The file says where they are, and never what they are.

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::providers::{Providers, WEIGHT};
use super::section::{Named, Section};
use super::value::Value;
use crate::credentials::secret::{Secret, SecretError};
use crate::routing::is_id;
use crate::settings::keys::DEFAULT_ALIAS;
use crate::settings::{GatewaySettingsBuilder, GatewayToken};

/// The names of a gateway's stored keys, which other settings may name.
#[derive(Default)]
pub(super) struct Aliases(Vec<Stored>);

struct Stored {
    slug: String,
    alias: String,
    is_weighted: bool,
}

impl Aliases {
    /// Refuses an alias that no key has; `slug` where it must be one of a certain provider. It is
    /// not shown, for somebody may have put the key itself there.
    pub(super) fn check(
        &self,
        slug: Option<&str>,
        alias: &Named<'_>,
    ) -> Result<(), ConfigFileError> {
        let fits = |key: &Stored| key.alias == alias.text && slug.is_none_or(|s| s == key.slug);
        if self.0.iter().any(fits) {
            return Ok(());
        }
        let of = slug.map(|slug| format!(" of `{slug}`")).unwrap_or_default();
        let message = format!("the gateway has no stored key{of} of this alias");
        Err(alias.place.refuse(Kind::UnknownAlias, message))
    }
}

/// `tokens = [{ sha256 = "…" }, { env = "…" }, { file = "…" }]`
pub(super) fn tokens(
    section: &mut Section<'_>,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, ConfigFileError> {
    for token in section.list("tokens")? {
        let mut section = token.secret_section()?;
        let place = section.place.clone();
        let whole = place.clone();
        let digest = section.text("sha256")?;
        let secret = secret(&mut section)?;
        section.end()?;
        let token = match (digest, secret) {
            (Some(digest), None) => GatewayToken::from_hex(&digest.text).ok_or_else(|| {
                let message = "it must be 64 hexadecimal digits, as `sha256sum` writes them";
                digest.place.refuse(Kind::Value, message)
            })?,
            (None, Some(place)) => GatewayToken::new(place.read()?.plain()),
            (None, None) | (Some(_), Some(_)) => {
                let message = "a token has one of `sha256`, `env` and `file`";
                return Err(place.refuse(Kind::Missing, message));
            }
        };
        if token.is_short() || token.is_well_known() {
            let message = "this token can be guessed: draw one at random, such as by \
                           `openssl rand -hex 32`";
            return Err(whole.refuse(Kind::WeakToken, message));
        }
        builder = builder.token(token);
    }
    Ok(builder)
}

/// `[[keys]]`
pub(super) fn keys(
    section: &mut Section<'_>,
    providers: &Providers,
    mut builder: GatewaySettingsBuilder,
) -> Result<(Aliases, GatewaySettingsBuilder), ConfigFileError> {
    let list = section.place.part("keys", 0);
    let mut stored = Aliases::default();
    for key in section.list("keys")? {
        let mut section = key.secret_section()?;
        let provider = section.text("provider")?;
        if let Some(provider) = &provider {
            section.place.called(&list, &provider.text);
        }
        let place = section.place.clone();
        let alias = section.text("alias")?;
        let weight = section.whole("weight", &WEIGHT)?;
        let secret = secret(&mut section)?;
        let provider = section.need("provider", provider)?;
        section.end()?;
        let slug = providers.slug(&provider)?;
        if let Some(alias) = alias.as_ref().filter(|alias| !is_id(&alias.text)) {
            // Not shown, for somebody may have put the key itself there.
            let message = "an alias must be 1 to 64 of A-Z a-z 0-9 - _ .";
            return Err(alias.place.refuse(Kind::Value, message));
        }
        let alias = alias.map_or(DEFAULT_ALIAS.to_owned(), |alias| alias.text);
        let is_weighted = weight.is_some();
        let is_taken = stored.0.iter().any(|other| {
            other.slug == slug && other.alias == alias && !(other.is_weighted && is_weighted)
        });
        if is_taken {
            let message = "the provider has another key of this alias: give each a weight, or \
                           another alias";
            return Err(place.refuse(Kind::Duplicate, message));
        }
        let Some(secret) = secret else {
            let message = "a key has one of `env` and `file`";
            return Err(place.refuse(Kind::Missing, message));
        };
        let secret = secret.read()?;
        stored.0.push(Stored { slug: slug.clone(), alias: alias.clone(), is_weighted });
        builder = match weight {
            Some(weight) => builder.weighted_key(slug, alias, secret, weight as u32),
            None => builder.key_as(slug, alias, secret),
        };
    }
    Ok((stored, builder))
}

/// Where a key or token is.
enum Holder<'s> {
    Env(Named<'s>),
    File(Named<'s>),
}

fn secret<'s>(section: &mut Section<'s>) -> Result<Option<Holder<'s>>, ConfigFileError> {
    match (section.text("env")?, section.text("file")?) {
        (Some(_), Some(file)) => {
            Err(file.place.refuse(Kind::Conflict, "it has one of `env` and `file`, not both"))
        }
        (Some(env), None) => Ok(Some(Holder::Env(env))),
        (None, Some(file)) => Ok(Some(Holder::File(file))),
        (None, None) => Ok(None),
    }
}

/// A text that stands in the file, or that `{ env = "…" }` or `{ file = "…" }` hold. Gives whether it
/// stands there.
pub(super) fn text_or_secret<'s>(value: Value<'s>) -> Result<(Named<'s>, bool), ConfigFileError> {
    if value.is_text() {
        return Ok((value.text()?.unless_key()?, true));
    }
    let mut section = value.section()?;
    let place = section.place.clone();
    let holder = secret(&mut section)?;
    let holder = holder.ok_or_else(|| {
        place.refuse(Kind::Missing, "it is a text, or a table with `env` or `file`")
    })?;
    section.end()?;
    let secret = holder.read()?;
    let text = String::from_utf8_lossy(secret.plain().as_bytes()).into_owned();
    Ok((Named { place, text }, false))
}

impl Holder<'_> {
    /// The errors of [`Secret`] say where it was looked for, and never what was found there.
    fn read(&self) -> Result<Secret, ConfigFileError> {
        match self {
            Self::Env(Named { place, text }) => {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if text.is_empty() || !text.bytes().all(is_name) {
                    // Not shown, for somebody may have put the key itself there.
                    let message = "it must be the name of an environment variable: A-Z a-z 0-9 _";
                    return Err(place.refuse(Kind::Value, message));
                }
                (place.source.env)(text).map_err(|error| place.refuse(Kind::Secret, error))
            }
            Self::File(Named { place, text }) => {
                let path = place.source.directory.unwrap_or("".as_ref()).join(text);
                let read = Secret::from_file(path);
                read.map_err(|error| {
                    let what = match error {
                        SecretError::Missing { .. } => "is not there or cannot be read",
                        SecretError::Malformed { .. } => {
                            "holds no key: 1 to 4096 visible ASCII characters"
                        }
                    };
                    place.refuse(Kind::Secret, format_args!("the file {text} {what}"))
                })
            }
        }
    }
}
