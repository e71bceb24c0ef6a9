//! Settings from a TOML file: [`Config`].

#[cfg_attr(not(feature = "cache"), path = "no_cache.rs")]
mod cache;
#[cfg(feature = "cache")]
mod cache_store;
#[cfg_attr(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")), path = "no_certificates.rs")]
mod certificates;
#[cfg(feature = "control")]
mod control;
mod defaults;
mod error;
mod fallbacks;
mod gateway;
#[cfg(feature = "jwt")]
mod identity;
#[cfg(any(feature = "control", feature = "jwt", feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod layers;
#[cfg(feature = "limits")]
mod limit_store;
mod limits;
mod names;
#[cfg(any(feature = "cache", feature = "limits", feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod pem_file;
mod place;
mod providers;
mod redact;
#[cfg(any(feature = "cache", feature = "limits"))]
mod redis_at;
mod routes;
mod secret_place;
mod secrets;
#[cfg_attr(not(feature = "limits"), path = "no_usage.rs")]
mod usage;
mod value;

use std::fmt;
use std::path::Path;

use serde::Deserialize;
#[cfg(not(all(feature = "cache", feature = "control", feature = "jwt", feature = "limits")))]
use serde::de::IgnoredAny;
#[cfg(not(feature = "cache"))]
use serde::de::IgnoredAny as CacheStore;
#[cfg(not(feature = "jwt"))]
use serde::de::IgnoredAny as Identity;
#[cfg(not(feature = "limits"))]
use serde::de::IgnoredAny as LimitStore;
#[cfg(not(feature = "control"))]
use serde::de::{IgnoredAny as Health, IgnoredAny as Retry};

#[cfg(feature = "cache")]
use self::cache_store::{CacheStore, CacheStoreChoice};
use self::certificates::Certificates;
#[cfg(feature = "control")]
use self::control::{Control, Health, Retry};
use self::error::ConfigFileErrorKind as Kind;
pub use self::error::{ConfigFileError, ConfigFileErrorKind};
#[cfg(feature = "jwt")]
use self::identity::Identity;
#[cfg(feature = "limits")]
use self::limit_store::{LimitStore, LimitStoreChoice};
use self::place::{Located as _, Mistake, Named, Source, Table, keyword};
use self::providers::Providers;
use crate::provider::Provider;
use crate::settings::{GatewaySettings, SettingsTable};
use crate::util::text::is_id;

/// A settings file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    unknown_gateways: UnknownGateways,
    default: Option<Table<gateway::Raw>>,
    gateways: Named<Table<gateway::Raw>>,
    providers: Named<Table<providers::Raw>>,
    health: Option<Table<Health>>,
    retry: Option<Table<Retry>>,
    identity: Option<Table<Identity>>,
    limits: Option<Table<LimitStore>>,
    cache: Option<Table<CacheStore>>,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum UnknownGateways {
    Serve,
    #[default]
    Refuse,
}

/// The contents of a settings file: the providers, and the settings of gateways.
///
/// ```
/// use tower_ai_gateway::GatewayLayer;
/// use tower_ai_gateway::config::Config;
/// use tower_ai_gateway::settings::Settings;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::from_toml(r#"
///     [providers.local]
///     base_url = "http://127.0.0.1:11434/v1"
///
///     [gateways.team]
///     allow_providers = ["grok", "local"]
///     timeouts = { head_ms = 30_000, idle_ms = 60_000 }
/// "#)?;
/// let settings = Settings::new(config.settings());
/// let gateway = GatewayLayer::builder()
///     .settings(settings.clone()) // `replace` it when the file has changed
///     .build()?;
/// # Ok(()) }
/// ```
///
/// Keys and tokens are never in the file itself: it names environment variables or files, which are
/// read with it. The repository's `examples/gateway/gateway.toml` documents all settings. Unknown
/// settings are refused.
#[derive(Clone, Debug)]
pub struct Config {
    providers: Vec<Provider>,
    settings: SettingsTable,
    gateways: usize,
    certificates: Certificates,
    #[cfg(feature = "control")]
    control: Control,
    #[cfg(feature = "limits")]
    limit_store: LimitStoreChoice,
    #[cfg(feature = "cache")]
    cache_store: CacheStoreChoice,
    #[cfg(feature = "jwt")]
    jwt: Option<crate::jwt::JwtLayer>,
}

impl Config {
    /// Parses the text of a file. Relative paths in it start at the working directory of the
    /// process.
    ///
    /// # Errors
    ///
    /// The first mistake, with its line and key. The error contains no value that could be a key.
    pub fn from_toml(text: &str) -> Result<Self, ConfigFileError> {
        Self::read(&Source { text, directory: None, env: variable })
    }

    /// Reads a regular file of at most 16 MiB. Relative paths in it start at its own directory.
    /// Blocks while reading it and the files that it names.
    ///
    /// # Errors
    ///
    /// Like [`from_toml`](Self::from_toml), with the file's path; also if the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        let path = path.as_ref();
        let text = crate::util::file::read(path)
            .map_err(|error| ConfigFileError::unreadable(&error).in_file(path))?;
        Self::read(&Source { text: &text, directory: path.parent(), env: variable })
            .map_err(|error| error.in_file(path))
    }

    /// The built-in providers with the file's changes and additions.
    #[must_use]
    pub fn providers(&self) -> Vec<Provider> {
        self.providers.clone()
    }

    /// The settings of all gateways together with the [providers](Self::providers), for
    /// [`Settings`](crate::settings::Settings). So [`replace`](crate::settings::Settings::replace)
    /// applies both at once.
    #[must_use]
    pub fn settings(&self) -> SettingsTable {
        self.settings.clone()
    }

    fn read(source: &Source<'_>) -> Result<Self, ConfigFileError> {
        let config = Self::of(source.read()?, source);
        let config = config.map_err(|mistake| source.locate(&mistake))?;
        // Two providers may share a server.
        config.certificates.at(&config.providers)?;
        Ok(config)
    }

    fn of(file: File, source: &Source<'_>) -> Result<Self, Mistake> {
        #[cfg(feature = "control")]
        let control = Control::of(file.health, file.retry)?;
        // Without the feature they would have no effect.
        #[cfg(not(feature = "control"))]
        needs(file.health.or(file.retry).as_ref(), "the feature `control`")?;
        #[cfg(feature = "jwt")]
        let jwt = file.identity.map(|identity| identity.read(source)).transpose()?;
        // Without the feature no token would be checked.
        #[cfg(not(feature = "jwt"))]
        needs(file.identity.as_ref(), "the feature `jwt`")?;
        #[cfg(feature = "limits")]
        let limit_store =
            file.limits.map(|limits| LimitStoreChoice::of(limits, source)).transpose()?;
        #[cfg(not(feature = "limits"))]
        needs(file.limits.as_ref(), "the feature `limits`")?;
        #[cfg(feature = "cache")]
        let cache_store =
            file.cache.map(|cache| CacheStoreChoice::of(cache, source)).transpose()?;
        #[cfg(not(feature = "cache"))]
        needs(file.cache.as_ref(), "the feature `cache`")?;
        let mut certificates: Certificates = Default::default();
        let providers = Providers::read(file.providers, source, &mut certificates)?;
        let is_served = file.unknown_gateways == UnknownGateways::Serve;
        let mut settings = SettingsTable::new();
        settings = match file.default {
            Some(default) if is_served => {
                if let Some(name) = default.account.as_ref().or(default.id.as_ref()) {
                    return Err(name.refuse_unknown());
                }
                settings.serve_unknown(default.read(source, &providers)?)
            }
            Some(default) => {
                let message = "it is for unknown gateways, which are refused: say \
                               unknown_gateways = \"serve\"";
                return Err(default.refuse(Kind::Conflict, message));
            }
            None if is_served => settings.serve_unknown(GatewaySettings::default()),
            None => settings,
        };
        let mut ids = Vec::new();
        for (name, gateway) in file.gateways {
            for id in [gateway.account.as_ref(), gateway.id.as_ref(), Some(&name)] {
                let is_id = |text: &str| is_id(text).then_some(());
                id.map_or(Ok(()), |id| keyword(id, is_id, "1 to 64 of A-Z a-z 0-9 - _ ."))?;
            }
            let account = gateway.account.as_ref().map(|account| account.get_ref().clone());
            let id = gateway.id.as_ref().unwrap_or(&name).get_ref().clone();
            if ids.contains(&(account.clone(), id.clone())) {
                let message = "another gateway of this account has the same id";
                return Err(name.refuse(Kind::Duplicate, message));
            }
            ids.push((account.clone(), id.clone()));
            let gateway = gateway.read(source, &providers)?;
            settings = match account {
                Some(account) => settings.gateway(account, id, gateway),
                None => settings.gateway_of_any_account(id, gateway),
            };
        }
        let settings = settings.providers(providers.0.iter().cloned());
        Ok(Self {
            providers: providers.0,
            settings: settings.map_err(|error| Mistake::of_file(Kind::Duplicate, error))?,
            gateways: ids.len(),
            certificates,
            #[cfg(feature = "control")]
            control,
            #[cfg(feature = "limits")]
            limit_store: limit_store.unwrap_or_default(),
            #[cfg(feature = "cache")]
            cache_store: cache_store.unwrap_or_default(),
            #[cfg(feature = "jwt")]
            jwt,
        })
    }
}

/// The value of an environment variable.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Refuses a table that needs a missing feature.
#[cfg(not(all(feature = "cache", feature = "control", feature = "jwt", feature = "limits")))]
fn needs(table: Option<&Table<IgnoredAny>>, what: &str) -> Result<(), Mistake> {
    let refuse = |table: &Table<IgnoredAny>| {
        table.refuse(
            Kind::UnknownKey,
            format_args!("this section needs {what}, and this program was built without it"),
        )
    };
    table.map_or(Ok(()), |table| Err(refuse(table)))
}

/// A summary: `2 gateways, 12 providers, 1 route`.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.settings.iter().map(|settings| settings.routes.len()).sum();
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let (gateways, providers) = (self.gateways, self.providers.len());
        let (gateways, providers) = (counted(gateways, "gateway"), counted(providers, "provider"));
        write!(f, "{gateways}, {providers}, {}", counted(routes, "route"))
    }
}

#[cfg(test)]
mod tests;
