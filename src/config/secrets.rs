//! Tokens and stored keys. The file names the places that hold them.

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::names::Names;
use super::place::{Located, Mistake, Source, Table, Text};
use super::secret_place::SecretPlace;
use super::value::Weight;
use crate::settings::keys::DEFAULT_ALIAS;
use crate::settings::{GatewaySettingsBuilder, GatewayToken};
use crate::util::text::is_id;

/// `tokens = [{ sha256 = "…" }, { env = "…" }, { file = "…" }]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    sha256: Option<Text>,
    env: Option<Text>,
    file: Option<Text>,
}

/// `[[keys]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    provider: Text,
    alias: Option<Text>,
    weight: Option<Weight>,
    env: Option<Text>,
    file: Option<Text>,
}

pub(super) fn tokens(
    tokens: &[Table<Token>],
    source: &Source<'_>,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    for entry in tokens {
        let place = SecretPlace::of(&entry.env, &entry.file)?;
        let token = match (&entry.sha256, place) {
            (Some(digest), None) => GatewayToken::from_hex(digest.get_ref()).ok_or_else(|| {
                let message = "it must be 64 hexadecimal digits, as `sha256sum` writes them";
                digest.refuse(Kind::Value, message)
            })?,
            (None, Some(place)) => GatewayToken::new(place.read(source)?.plain()),
            (None, None) | (Some(_), Some(_)) => {
                let message = "a token must have one of `sha256`, `env` and `file`";
                return Err(entry.refuse(Kind::Missing, message));
            }
        };
        if token.is_guessable() {
            let message = "this token can be guessed: draw one at random, such as by \
                           `openssl rand -hex 32`";
            return Err(entry.refuse(Kind::WeakToken, message));
        }
        builder = builder.token(token);
    }
    Ok(builder)
}

pub(super) fn keys(
    keys: &[Table<Key>],
    names: &mut Names<'_>,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    for key in keys {
        let place = SecretPlace::of(&key.env, &key.file)?;
        let slug = names.providers.slug(&key.provider)?;
        if let Some(alias) = key.alias.as_ref().filter(|alias| !is_id(alias.get_ref())) {
            // Not repeated in the error: it may be the key itself.
            let message = "an alias must be 1 to 64 of A-Z a-z 0-9 - _ .";
            return Err(alias.refuse(Kind::Value, message));
        }
        let alias = key.alias.as_ref().map_or(DEFAULT_ALIAS, |alias| alias.get_ref()).to_owned();
        let Some(place) = place else {
            return Err(key.refuse(Kind::Missing, "a key must have either `env` or `file`"));
        };
        let secret = place.read(names.source)?;
        names.aliases.0.push((slug.clone(), alias.clone()));
        builder = match &key.weight {
            Some(weight) => builder.weighted_key(slug, alias, secret, weight.0),
            None => builder.key_as(slug, alias, secret),
        };
        if builder.mistake().is_some() {
            let message = "the provider has another key of this alias: give each a weight, or \
                           another alias";
            return Err(key.refuse(Kind::Duplicate, message));
        }
    }
    Ok(builder)
}
