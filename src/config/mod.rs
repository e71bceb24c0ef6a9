//! Settings from a TOML file.

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
pub(crate) mod certificates;
#[cfg(feature = "control")]
mod control;
mod defaults;
mod error;
mod fallbacks;
mod gateway;
#[cfg(feature = "jwt")]
mod identity;
mod kinds;
mod limits;
mod locks;
mod providers;
mod redact;
mod routes;
mod secrets;
mod section;
mod value;

use std::fmt;
use std::path::Path;

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
pub use self::certificates::ClientCertificates;
use self::error::ConfigFileErrorKind as Kind;
pub use self::error::{ConfigFileError, ConfigFileErrorKind};
use self::providers::Providers;
use self::section::{Section, Source};
use crate::credentials::secret::Secret;
use crate::provider::Provider;
use crate::routing::is_id;
use crate::settings::{GatewaySettings, SettingsTable};

/// What a settings file says: the providers, and the settings of gateways.
///
/// ```
/// use tower_ai_gateway::GatewayLayer;
/// use tower_ai_gateway::settings::{Config, Settings};
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
/// Keys and tokens are never in the file: it names an environment variable or a file that holds
/// them, and they are read when it is. All settings are in the repository's
/// `examples/gateway/gateway.toml`, with what they mean. Unknown ones are refused.
#[derive(Clone, Debug)]
pub struct Config {
    providers: Vec<Provider>,
    settings: SettingsTable,
    gateways: usize,
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    certificates: certificates::Certificates,
    #[cfg(feature = "control")]
    control: control::Control,
    #[cfg(feature = "jwt")]
    jwt: Option<crate::jwt::JwtLayer>,
}

impl Config {
    /// Reads a file's text. Relative paths in it begin at the process's working directory.
    ///
    /// # Errors
    ///
    /// The first mistake, with its line and key. It holds no value that could be a key.
    pub fn from_toml(text: &str) -> Result<Self, ConfigFileError> {
        Self::read(&Source { text, directory: None, env: Secret::from_env })
    }

    /// Reads a regular file of at most 16 MiB. Relative paths in it begin at its own directory. It blocks while it reads it
    /// and the files that it names.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Self::from_toml), with the file's name, and where it cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        let path = path.as_ref();
        let text = crate::util::file::read(path)
            .map_err(|error| ConfigFileError::unreadable(&error).in_file(path))?;
        Self::read(&Source { text: &text, directory: path.parent(), env: Secret::from_env })
            .map_err(|error| error.in_file(path))
    }

    /// The built-in providers, with what the file moves or adds.
    #[must_use]
    pub fn providers(&self) -> Vec<Provider> {
        self.providers.clone()
    }

    /// The settings of all gateways with the [providers](Self::providers) that they are for, to be
    /// given to [`Settings`](crate::settings::Settings). By [`replace`](crate::settings::Settings::replace) the one never
    /// gets in force without the other.
    #[must_use]
    pub fn settings(&self) -> SettingsTable {
        self.settings.clone()
    }

    fn read(source: &Source<'_>) -> Result<Self, ConfigFileError> {
        let mut root = source.root()?;
        #[cfg(feature = "control")]
        let control = control::Control::read(&mut root)?;
        #[cfg(not(feature = "control"))]
        refuse_control(&mut root)?;
        #[cfg(feature = "jwt")]
        let jwt = identity::read(&mut root)?;
        #[cfg(not(feature = "jwt"))]
        refuse_identity(&mut root)?;
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        let mut certificates = certificates::Certificates::default();
        let providers = Providers::read(
            &mut root,
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            &mut certificates,
        )?;
        let mut settings = SettingsTable::new();
        if let Some(unknown) = unknown(&mut root, &providers)? {
            settings = settings.serve_unknown(unknown);
        }
        let mut ids = Vec::new();
        if let Some(mut section) = root.section("gateways")? {
            for (name, value) in section.rest() {
                let mut section = value.section()?;
                let (account, id) = self::ids(&mut section, name)?;
                if ids.contains(&(account.clone(), id.clone())) {
                    let message = "another gateway of this account has the same id";
                    return Err(section.place.refuse(Kind::Duplicate, message));
                }
                ids.push((account.clone(), id.clone()));
                let gateway = gateway::read(section, &providers)?;
                settings = match account {
                    Some(account) => settings.gateway(account, id, gateway),
                    None => settings.gateway_of_any_account(id, gateway),
                };
            }
        }
        let whole = root.place.clone();
        root.end()?;
        let settings = settings.providers(providers.0.iter().cloned());
        Ok(Self {
            providers: providers.0,
            settings: settings.map_err(|error| whole.refuse(Kind::Duplicate, error))?,
            gateways: ids.len(),
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            certificates,
            #[cfg(feature = "control")]
            control,
            #[cfg(feature = "jwt")]
            jwt,
        })
    }
}

/// Left out, they would say nothing: there is nobody who does it.
#[cfg(not(feature = "control"))]
fn refuse_control(root: &mut Section<'_>) -> Result<(), ConfigFileError> {
    for name in ["health", "retry"] {
        if let Some(value) = root.take(name) {
            let message = "this program was built without the feature `control`, which does it";
            return Err(value.place.refuse(Kind::UnknownKey, message));
        }
    }
    Ok(())
}

/// Left out, it would let everybody in: there is nobody who checks tokens.
#[cfg(not(feature = "jwt"))]
fn refuse_identity(root: &mut Section<'_>) -> Result<(), ConfigFileError> {
    root.take("identity").map_or(Ok(()), |value| {
        let message = "this program was built without the feature `jwt`, which checks tokens";
        Err(value.place.refuse(Kind::UnknownKey, message))
    })
}

/// What unknown gateways have; `None` where they are refused.
fn unknown(
    root: &mut Section<'_>,
    providers: &Providers,
) -> Result<Option<GatewaySettings>, ConfigFileError> {
    let is_served = match root.text("unknown_gateways")? {
        Some(word) => match word.text.as_str() {
            "serve" => true,
            "refuse" => false,
            _ => {
                let message = "it must be \"serve\" or \"refuse\"";
                return Err(word.place.refuse(Kind::Value, message));
            }
        },
        None => false,
    };
    match root.section("default")? {
        Some(section) if is_served => gateway::read(section, providers).map(Some),
        Some(section) => Err(section.place.refuse(
            Kind::Conflict,
            "it is for unknown gateways, which are refused: say unknown_gateways = \"serve\"",
        )),
        None => Ok(is_served.then(GatewaySettings::default)),
    }
}

/// The account and the id of a gateway.
fn ids(
    section: &mut Section<'_>,
    name: String,
) -> Result<(Option<String>, String), ConfigFileError> {
    const FORM: &str = "it must be 1 to 64 of A-Z a-z 0-9 - _ .";
    let account = section.text("account")?;
    let id = section.text("id")?;
    for given in [&account, &id].into_iter().flatten() {
        if !is_id(&given.text) {
            return Err(given.place.refuse(Kind::Value, FORM));
        }
    }
    if !is_id(&name) {
        return Err(section.place.refuse(Kind::Value, FORM));
    }
    Ok((account.map(|account| account.text), id.map_or(name, |id| id.text)))
}

/// How much there is: `2 gateways, 12 providers, 1 route`.
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
