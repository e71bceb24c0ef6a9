//! The command line.

mod help;

use std::{ffi::OsString, fmt, net::SocketAddr, path::PathBuf};

pub(crate) use self::help::HELP;
use tower_ai_gateway::settings::ClientControl;

const LISTEN: Flag = Flag("--listen", "an IP address and port, such as 127.0.0.1:8787");
const ADMIN: Flag = Flag("--admin", "an IP address and port, such as 127.0.0.1:8788, or none");
const CONFIG: Flag = Flag("--config", "a file, such as gateway.toml");
const CHECK: Flag = Flag("--check", "");
const CLIENT_CONTROLS: Flag = Flag(
    "--client-controls",
    "`all`, or names separated by commas, such as cache,retry,custom_cost",
);
const PROVIDER: Flag = Flag("--provider", "SLUG=BASE_URL, such as local=http://127.0.0.1:11434/v1");
const PROXY_FROM_ENV: Flag = Flag("--proxy-from-env", "");
const ASK_FOR_USAGE: Flag = Flag("--ask-for-usage", "");
const LOG: Flag = Flag("--log", "a file to append to, such as gateway.jsonl");
const LOG_DB: Flag = Flag("--log-db", "a file, such as gateway.db");
const LOG_KEEP: Flag = Flag("--log-keep", "a number of days, such as 30");
const PRICES: Flag = Flag("--prices", "a file, such as prices.toml");
const MOCK: Flag = Flag("--mock", "");

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run(Box<Options>),
    /// Only check this file.
    Check(PathBuf),
    Help,
}

/// The options of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: Admin,
    pub(crate) config: Option<PathBuf>,
    /// `None` for the defaults of the crate.
    pub(crate) client_controls: Option<Vec<ClientControl>>,
    pub(crate) providers: Vec<ProviderOption>,
    pub(crate) proxy_from_env: bool,
    pub(crate) ask_for_usage: bool,
    pub(crate) log: Option<PathBuf>,
    pub(crate) log_db: Option<PathBuf>,
    /// In days.
    pub(crate) log_keep: Option<u32>,
    pub(crate) prices: Option<PathBuf>,
    pub(crate) mock: bool,
}

/// The address of the operator's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admin {
    /// Not given: at [`USUAL`](Self::USUAL), if that is free.
    Usual,
    At(SocketAddr),
    Off,
}

impl Admin {
    pub(crate) const USUAL: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8788);

    fn parse(value: &str) -> Option<Self> {
        match value {
            "none" | "off" => Some(Self::Off),
            address => address.parse().ok().map(Self::At),
        }
    }
}

/// One `--provider SLUG=BASE_URL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderOption {
    pub(crate) slug: String,
    pub(crate) base_url: String,
}

/// Why a command line is invalid, in one sentence for its user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsageError(String);

/// An option's name, and the form of its value.
struct Flag(&'static str, &'static str);

impl Options {
    /// Parses the arguments after the program's name.
    pub(crate) fn parse<A: Into<OsString>>(
        args: impl IntoIterator<Item = A>,
    ) -> Result<Command, UsageError> {
        let mut options = Self::default();
        let mut checks = false;
        let mut args = args.into_iter().map(Into::into).peekable();

        while let Some(arg) = args.next() {
            let arg = text(arg)?;
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            // A value never starts with `--`: then the value was forgotten, and this is the next
            // option.
            let mut value = || match inline.clone() {
                Some(value) => Ok(Some(value)),
                None => args
                    .next_if(|next| !next.as_encoded_bytes().starts_with(b"--"))
                    .map(text)
                    .transpose(),
            };

            match name {
                "--listen" => options.listen = LISTEN.parse(value()?, |v| v.parse().ok())?,
                "--admin" => options.admin = ADMIN.parse(value()?, Admin::parse)?,
                "--config" => {
                    let file = CONFIG.parse(value()?, |v| Some(PathBuf::from(v)))?;
                    let is_there = cfg!(feature = "config");
                    options.config = Some(CONFIG.of_feature("config", is_there, file)?);
                }
                "--client-controls" => {
                    options.client_controls = Some(CLIENT_CONTROLS.parse(value()?, controls)?);
                }
                "--check" => checks = CHECK.switch(inline.as_deref())?,
                "--provider" => {
                    options.providers.push(PROVIDER.parse(value()?, ProviderOption::parse)?);
                }
                "--proxy-from-env" => {
                    let asked = PROXY_FROM_ENV.switch(inline.as_deref())?;
                    let is_there = cfg!(feature = "proxy");
                    options.proxy_from_env = PROXY_FROM_ENV.of_feature("proxy", is_there, asked)?;
                }
                "--ask-for-usage" => {
                    options.ask_for_usage = ASK_FOR_USAGE.switch(inline.as_deref())?;
                }
                "--log" => {
                    let file = LOG.parse(value()?, |v| Some(PathBuf::from(v)))?;
                    options.log = Some(LOG.of_feature("log", cfg!(feature = "log"), file)?);
                }
                "--log-db" => {
                    let file = LOG_DB.parse(value()?, |v| Some(PathBuf::from(v)))?;
                    let is_there = cfg!(feature = "log-sqlite");
                    options.log_db = Some(LOG_DB.of_feature("log-sqlite", is_there, file)?);
                }
                "--log-keep" => {
                    let days = |v: &str| v.parse().ok().filter(|days| *days > 0);
                    options.log_keep = Some(LOG_KEEP.parse(value()?, days)?);
                }
                "--prices" => {
                    let file = PRICES.parse(value()?, |v| Some(PathBuf::from(v)))?;
                    let is_there = cfg!(feature = "prices");
                    options.prices = Some(PRICES.of_feature("prices", is_there, file)?);
                }
                "--mock" => options.mock = MOCK.switch(inline.as_deref())?,
                "--help" | "-h" => return Ok(Command::Help),
                // Show only the name: the text after `=` may be a secret.
                _ => {
                    return Err(UsageError(format!(
                        "unknown option `{name}`: `--help` lists all options"
                    )));
                }
            }
        }
        if options.log_keep.is_some() && options.log_db.is_none() {
            return Err(UsageError("`--log-keep` needs `--log-db`".to_owned()));
        }
        if options.client_controls.is_some() && options.config.is_some() {
            let message = "`--client-controls` cannot be combined with `--config`: set \
                           `client_controls` for each gateway in that file";
            return Err(UsageError(message.to_owned()));
        }
        match (checks, options.config) {
            (true, Some(file)) => Ok(Command::Check(file)),
            (true, None) => Err(UsageError("`--check` needs `--config`".to_owned())),
            (false, config) => Ok(Command::Run(Box::new(Self { config, ..options }))),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            admin: Admin::Usual,
            config: None,
            client_controls: None,
            providers: Vec::new(),
            proxy_from_env: false,
            ask_for_usage: false,
            log: None,
            log_db: None,
            log_keep: None,
            prices: None,
            mock: false,
        }
    }
}

impl ProviderOption {
    fn parse(value: &str) -> Option<Self> {
        let (slug, base_url) = value.split_once('=')?;
        let host =
            base_url.strip_prefix("https://").or_else(|| base_url.strip_prefix("http://"))?;
        (!slug.is_empty() && !host.is_empty())
            .then(|| Self { slug: slug.to_owned(), base_url: base_url.to_owned() })
    }
}

impl Flag {
    fn parse<T>(
        &self,
        value: Option<String>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, UsageError> {
        let Self(name, form) = self;
        let value = value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| UsageError(format!("`{name}` needs a value: {form}")))?;
        read(&value).ok_or_else(|| UsageError(format!("`{name}` needs {form}, not `{value}`")))
    }

    /// Sets an option that needs a feature of the crate.
    fn of_feature<T>(&self, feature: &str, is_there: bool, value: T) -> Result<T, UsageError> {
        is_there.then_some(value).ok_or_else(|| {
            UsageError(format!(
                "`{}` needs the feature `{feature}`, and this program was built without it",
                self.0
            ))
        })
    }

    fn switch(&self, value: Option<&str>) -> Result<bool, UsageError> {
        match value {
            None => Ok(true),
            Some(_) => Err(UsageError(format!("`{}` takes no value", self.0))),
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn controls(value: &str) -> Option<Vec<ClientControl>> {
    match value {
        "all" => Some(ClientControl::ALL.to_vec()),
        names => names.split(',').map(|name| ClientControl::named(name.trim())).collect(),
    }
}

fn text(arg: OsString) -> Result<String, UsageError> {
    arg.into_string()
        .map_err(|arg| UsageError(format!("`{}` is not valid UTF-8", arg.to_string_lossy())))
}

#[cfg(test)]
mod tests;
