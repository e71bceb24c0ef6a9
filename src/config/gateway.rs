//! `[gateways.…]` and `[default]`: one gateway.

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::providers::Providers;
use super::section::{Named, Section};
use super::{defaults, fallbacks, limits, locks, routes, secrets};
use crate::directives::pattern::Pattern;
use crate::settings::{
    ClientCredentials, GatewaySettings, GatewaySettingsBuilder, Origins, SettingsError,
};

/// Reads all of a gateway but for its name.
pub(super) fn read(
    mut section: Section<'_>,
    providers: &Providers,
) -> Result<GatewaySettings, ConfigFileError> {
    let place = section.place.clone();
    let builder = secrets::tokens(&mut section, GatewaySettings::builder())?;
    let (aliases, builder) = secrets::keys(&mut section, providers, builder)?;
    let builder = access(&mut section, providers, builder)?;
    let builder = locks::read(&mut section, builder)?;
    let builder = limits::timeouts(&mut section, providers, builder)?;
    let mut builder = limits::concurrency(&mut section, providers, builder)?;
    if let Some(defaults) = defaults::read(&mut section, &aliases)? {
        builder = builder.defaults(|all| *all = defaults);
    }
    for chain in fallbacks::read(&mut section, providers, &aliases)? {
        builder = builder.fallback(chain);
    }
    for route in routes::read(&mut section, providers, &aliases)?.iter() {
        builder = builder.route(route.clone());
    }
    section.end()?;
    builder.build().map_err(|error| place.refuse(Kind::Conflict, error))
}

/// Who may use what.
fn access(
    section: &mut Section<'_>,
    providers: &Providers,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, ConfigFileError> {
    let mut is_on = |name| section.flag(name).map(Option::unwrap_or_default);
    if is_on("authenticated_elsewhere")? {
        builder = builder.authenticated_elsewhere();
    }
    if is_on("require_credentials")? {
        builder = builder.require_credentials();
    }
    let refuses_client_credentials = is_on("refuse_client_credentials")?;
    if refuses_client_credentials {
        builder = builder.refuse_client_credentials();
    }
    if is_on("refuse_served_models")? {
        builder = builder.refuse_served_models();
    }
    if let Some(choice) = section.text("client_credentials")? {
        if refuses_client_credentials {
            let message = "`refuse_client_credentials` says the same: keep one of the two";
            return Err(choice.place.refuse(Kind::Conflict, message));
        }
        builder = builder.client_credentials(client_credentials(&choice)?);
    }
    if let Some(mut section) = section.section("provider_client_credentials")? {
        for (name, value) in section.rest() {
            let slug = providers.slug_at(&name, &value.place)?;
            builder = builder.client_credentials_for(slug, client_credentials(&value.text()?)?);
        }
    }
    for origin in section.texts("allow_origins")?.into_iter().flatten() {
        if !Origins::default().allow(&origin.text) {
            let message =
                "it must be \"*\", or a scheme and a host, such as \"https://app.example\"";
            return Err(origin.place.refuse(Kind::Value, message));
        }
        builder = builder.allow_origin(origin.text);
    }
    if let Some(name) = section.text("default_provider")? {
        builder = builder.default_provider(providers.slug(&name)?);
    }
    if let Some(allowed) = section.texts("allow_providers")? {
        let slugs: Result<Vec<_>, _> = allowed.iter().map(|name| providers.slug(name)).collect();
        builder = builder.allow_providers(slugs?);
    }
    if let Some(models) = section.texts("allow_models")? {
        builder = builder.allow_models(patterns(models)?);
    }
    if let Some(models) = section.texts("deny_models")? {
        builder = builder.deny_models(patterns(models)?);
    }
    Ok(builder)
}

fn client_credentials(choice: &Named<'_>) -> Result<ClientCredentials, ConfigFileError> {
    ClientCredentials::named(&choice.text).ok_or_else(|| {
        choice.place.refuse(Kind::Value, "it must be \"pass\", \"ignore\" or \"refuse\"")
    })
}

fn patterns(models: Vec<Named<'_>>) -> Result<Vec<String>, ConfigFileError> {
    let pattern = |model: Named<'_>| match Pattern::new(&model.text) {
        Some(_) => Ok(model.text),
        None => Err(model.place.refuse(Kind::Value, SettingsError::Pattern)),
    };
    models.into_iter().map(pattern).collect()
}
