//! `[[gateways.….fallback]]`

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::providers::Providers;
use super::secrets::Aliases;
use super::section::Section;
use crate::settings::{FallbackChain, SettingsError};

pub(super) fn read(
    section: &mut Section<'_>,
    providers: &Providers,
    aliases: &Aliases,
) -> Result<Vec<FallbackChain>, ConfigFileError> {
    let chains = section.list("fallback")?;
    chains.into_iter().map(|chain| self::chain(chain.section()?, providers, aliases)).collect()
}

fn chain(
    mut section: Section<'_>,
    providers: &Providers,
    aliases: &Aliases,
) -> Result<FallbackChain, ConfigFileError> {
    let models = section.text("models")?;
    let models = section.need("models", models)?;
    let mut chain = FallbackChain::on(&models.text);
    if chain.pattern.is_none() {
        return Err(models.place.refuse(Kind::Value, SettingsError::Pattern));
    }
    let from = section.text("provider")?.map(|name| providers.slug(&name)).transpose()?;
    if let Some(from) = &from {
        chain = chain.from_provider(from);
    }
    let steps = section.list("steps")?;
    if steps.is_empty() {
        let message = "it needs `steps`: at least one model or provider to fall back to";
        return Err(section.place.refuse(Kind::Missing, message));
    }
    for step in steps {
        chain = self::step(step.section()?, from.as_deref(), chain, providers, aliases)?;
    }
    section.end()?;
    Ok(chain)
}

fn step(
    mut section: Section<'_>,
    from: Option<&str>,
    chain: FallbackChain,
    providers: &Providers,
    aliases: &Aliases,
) -> Result<FallbackChain, ConfigFileError> {
    let place = section.place.clone();
    let provider = section.text("provider")?.map(|name| providers.slug(&name)).transpose()?;
    let model = section.text("model")?;
    let alias = section.text("key_alias")?;
    section.end()?;
    if let Some(model) = model.as_ref().filter(|model| !(1..=256).contains(&model.text.len())) {
        return Err(model.place.refuse(Kind::Value, "a model's name must have 1 to 256 bytes"));
    }
    if provider.is_none() && model.is_none() {
        let message = "a step needs `model`, `provider` or both";
        return Err(place.refuse(Kind::Missing, message));
    }
    if let Some(alias) = &alias {
        aliases.check(provider.as_deref().or(from), alias)?;
    }
    let model = model.map(|model| model.text.into());
    Ok(chain.step(provider.map(Into::into), model, alias.map(|alias| alias.text.into())))
}
