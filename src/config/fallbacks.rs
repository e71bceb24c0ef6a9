//! `[[gateways.….fallback]]`: fallback chains.

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::names::Names;
use super::place::{Located, Mistake, Table, Text};
use crate::settings::{FallbackChain, SettingsError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    models: Text,
    provider: Option<Text>,
    #[serde(default)]
    steps: Vec<Table<Step>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    provider: Option<Text>,
    model: Option<Text>,
    key_alias: Option<Text>,
}

impl Table<Chain> {
    pub(super) fn read(&self, names: &Names<'_>) -> Result<FallbackChain, Mistake> {
        let slug =
            |name: &Option<Text>| name.as_ref().map(|name| names.providers.slug(name)).transpose();
        let mut chain = FallbackChain::on(self.models.get_ref());
        if chain.pattern.is_none() {
            return Err(self.models.refuse(Kind::Value, SettingsError::Pattern));
        }
        let from = slug(&self.provider)?;
        if let Some(from) = &from {
            chain = chain.from_provider(from);
        }
        if self.steps.is_empty() {
            let message = "it needs `steps`: at least one model or provider to fall back to";
            return Err(self.refuse(Kind::Missing, message));
        }
        for step in &self.steps {
            let provider = slug(&step.provider)?;
            let Step { model, key_alias, .. } = &step.fields;
            if let Some(model) = model
                && !(1..=256).contains(&model.get_ref().len())
            {
                return Err(model.refuse(Kind::Value, "a model's name must have 1 to 256 bytes"));
            }
            if provider.is_none() && model.is_none() {
                let message = "a step needs `model`, `provider` or both";
                return Err(step.refuse(Kind::Missing, message));
            }
            if let Some(alias) = key_alias {
                names.aliases.check(provider.as_deref().or(from.as_deref()), alias)?;
            }
            let text = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
            chain.step(provider, text(model), text(key_alias));
        }
        Ok(chain)
    }
}
