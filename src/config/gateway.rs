//! `[gateways.…]` and `[default]`: one gateway.

use toml::Spanned;

use super::cache;
use super::defaults::Defaults;
use super::error::ConfigFileErrorKind as Kind;
use super::fallbacks::Chain;
use super::limits::{Concurrency, RawTimeouts, concurrency};
use super::names::{Aliases, Names};
use super::place::{Located as _, Mistake, Named, Source, Table, Text, keyword, one_of};
use super::providers::Providers;
use super::routes;
use super::secrets::{self, Key, Token};
use super::usage;
use super::value::{Scalar, section};
use crate::directives::Directives;
use crate::directives::locks::{ClientControl, LockedHeaders};
use crate::directives::timeouts::Timeouts;
use crate::settings::route::RouteBuilder;
use crate::settings::{ClientCredentials, GatewaySettings, GatewaySettingsBuilder};

section! {
    Raw, builder: GatewaySettingsBuilder, names: &mut Names<'_>;
    account: Text;
    id: Text;
    tokens: Vec<Table<Token>> => builder = secrets::tokens(&tokens, names.source, builder)?;
    keys: Vec<Table<Key>> => builder = secrets::keys(&keys, names, builder)?;
    authenticated_elsewhere: bool => if authenticated_elsewhere {
        builder = builder.authenticated_elsewhere();
    };
    require_credentials: bool => if require_credentials {
        builder = builder.require_credentials();
    };
    refuse_served_models: bool => if refuse_served_models {
        builder = builder.refuse_served_models();
    };
    session_affinity: bool => builder = builder.session_affinity(session_affinity);
    client_credentials: Text =>
        builder = builder.client_credentials(client_credentials_of(&client_credentials)?);
    refuse_client_credentials: bool => if refuse_client_credentials {
        builder = builder.refuse_client_credentials();
    };
    provider_client_credentials: Named<Text> => for (name, choice) in provider_client_credentials {
        let slug = names.providers.slug(&name)?;
        builder = builder.client_credentials_for(slug, client_credentials_of(&choice)?);
    };
    allow_origins: Vec<Text> => for origin in allow_origins {
        builder = check_builder(builder.allow_origin(origin.get_ref()), &origin)?;
    };
    default_provider: Text =>
        builder = builder.default_provider(names.providers.slug(&default_provider)?);
    allow_providers: Vec<Text> => {
        let slugs = allow_providers.iter().map(|name| names.providers.slug(name));
        builder = builder.allow_providers(slugs.collect::<Result<Vec<_>, _>>()?);
    };
    allow_models: Vec<Text> => {
        builder = builder.allow_models::<&str>([]);
        for model in allow_models {
            builder = check_builder(builder.allow_models([model.get_ref()]), &model)?;
        }
    };
    deny_models: Vec<Text> => for model in deny_models {
        builder = check_builder(builder.deny_models([model.get_ref()]), &model)?;
    };
    client_controls: Vec<Text> => {
        let controls = client_controls.iter().map(control).collect::<Result<Vec<_>, _>>()?;
        builder = builder.client_controls(controls);
    };
    locked_headers: Text => {
        let words = [("ignore", LockedHeaders::Ignore), ("refuse", LockedHeaders::Refuse)];
        let choice = keyword(&locked_headers, one_of(words), "\"ignore\" or \"refuse\"")?;
        builder = builder.locked_headers(choice);
    };
    metadata: Named<Scalar> => for (name, Scalar(value)) in metadata {
        builder = check_builder(builder.metadata(name.get_ref(), value), &name)?;
    };
    reserved_metadata: Vec<Text> => for key in reserved_metadata {
        builder = check_builder(builder.reserve_metadata(key.get_ref()), &key)?;
    };
    timeouts: Table<RawTimeouts> =>
        builder = builder.timeouts(timeouts.fields.apply(Timeouts::default(), ())?);
    provider_timeouts: Named<Table<RawTimeouts>> => for (name, timeouts) in provider_timeouts {
        let timeouts = timeouts.fields.apply(Timeouts::default(), ())?;
        builder = builder.provider_timeouts(names.providers.slug(&name)?, timeouts);
    };
    concurrency: Table<Concurrency> =>
        builder = self::concurrency(&concurrency, names.providers, builder)?;
    limit: Vec<Table<usage::Rule>> => builder = usage::add(limit, names, builder)?;
    cache: Table<cache::Raw> => builder = cache::add(cache, builder)?;
    defaults: Table<Defaults> => {
        let defaults = defaults.fields.apply(Directives::default(), &names.aliases)?;
        builder = builder.defaults(|all| *all = defaults);
    };
    fallback: Vec<Table<Chain>> => for chain in fallback {
        builder = builder.fallback(chain.read(names)?);
    };
    routes: Vec<Spanned<RouteBuilder>> => for route in routes::read(routes, names)?.iter() {
        builder = builder.route(route.clone());
    };
}

impl Table<Raw> {
    /// Reads everything of a gateway except its name.
    pub(super) fn read(
        self,
        source: &Source<'_>,
        providers: &Providers,
    ) -> Result<GatewaySettings, Mistake> {
        if let (Some(choice), Some(true)) =
            (&self.client_credentials, self.refuse_client_credentials)
        {
            let message = "`refuse_client_credentials` sets the same: keep one of the two";
            return Err(choice.refuse(Kind::Conflict, message));
        }
        let place = self.place();
        let mut names = Names { source, providers, aliases: Aliases::default() };
        let builder = self.fields.apply(GatewaySettings::builder(), &mut names)?;
        builder.build().map_err(|error| place.refuse(Kind::Conflict, error))
    }
}

fn client_credentials_of(choice: &Text) -> Result<ClientCredentials, Mistake> {
    use ClientCredentials::{Ignore, Pass, Refuse};
    let words = [("pass", Pass), ("ignore", Ignore), ("refuse", Refuse)];
    keyword(choice, one_of(words), "\"pass\", \"ignore\" or \"refuse\"")
}

/// Reports the builder's mistake at this place.
fn check_builder(
    builder: GatewaySettingsBuilder,
    place: &Text,
) -> Result<GatewaySettingsBuilder, Mistake> {
    match builder.mistake() {
        Some(mistake) => Err(place.refuse(Kind::Value, mistake)),
        None => Ok(builder),
    }
}

fn control(name: &Text) -> Result<ClientControl, Mistake> {
    if matches!(name.get_ref().as_str(), "zdr" | "allowed_models" | "allowed_providers") {
        let message = "it can only narrow what a request may reach, and clients may always use it: leave it out";
        return Err(name.refuse(Kind::Value, message));
    }
    let all = ClientControl::ALL.map(ClientControl::name).join(", ");
    keyword(name, ClientControl::named, format_args!("one of {all}"))
}
