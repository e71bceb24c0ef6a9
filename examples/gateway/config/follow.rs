//! Settings that are read again when their file changes.

use std::path::{Path, PathBuf};
#[cfg(feature = "control")]
use std::time::Duration;

use tower_ai_gateway::HttpClient;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use tower_ai_gateway::client::ClientCertificates;
use tower_ai_gateway::client::HttpClientBuilder;
use tower_ai_gateway::config::Config;
#[cfg(feature = "control")]
use tower_ai_gateway::control::ControlLayer;
#[cfg(feature = "jwt")]
use tower_ai_gateway::jwt::JwtLayer;
#[cfg(feature = "control")]
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::settings::{Settings, SettingsTable};

use super::watch::Changes;
use super::{BoxError, Start, with_moved};
use crate::gateway::files;
use crate::gateway::hangup::Hangups;
use crate::gateway::options::ProviderOption;
use crate::gateway::prices::PricesFile;
use crate::gateway::supervise::outlive;

/// The default connect timeout.
#[cfg(feature = "control")]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the file now, and again at every change and at SIGHUP.
pub(super) async fn start(
    path: &Path,
    moved: Vec<ProviderOption>,
    prices: Option<PricesFile>,
) -> Result<Start, BoxError> {
    // Before the settings are read, so that a change in between is noticed.
    let text = files::read(path).await.ok();
    let (changes, hangups) = (Changes::of(path), Hangups::listen()?);
    let followed = Followed::start(path, moved, prices).await?;
    let start = followed.as_start();
    tokio::spawn(followed.follow(text, changes, hangups));
    Ok(start)
}

/// A file, and the state that it configures.
struct Followed {
    path: PathBuf,
    /// Providers of the command line, which override the file's.
    moved: Vec<ProviderOption>,
    /// Read again with the file at SIGHUP.
    prices: Option<PricesFile>,
    settings: Settings,
    /// Those that the client was built with.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    certificates: ClientCertificates,
    /// That of the client: no connect takes longer.
    #[cfg(feature = "control")]
    connect_timeout: Duration,
    #[cfg(feature = "control")]
    control: ControlLayer,
    /// The configuration at the start, which created the stores of the control layers.
    #[cfg(any(feature = "cache", feature = "limits"))]
    first: Config,
    #[cfg(feature = "jwt")]
    jwt: JwtLayer,
}

impl Followed {
    async fn start(
        path: &Path,
        moved: Vec<ProviderOption>,
        prices: Option<PricesFile>,
    ) -> Result<Self, BoxError> {
        let config = read(path).await?;
        #[cfg(feature = "control")]
        let longest = config.longest_connect_timeout().filter(|own| *own > CONNECT_TIMEOUT);
        Ok(Self {
            path: path.to_owned(),
            settings: Settings::new(table(&config, &moved)?),
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            certificates: certificates(&config, &moved)?,
            moved,
            prices,
            #[cfg(feature = "control")]
            connect_timeout: longest.unwrap_or(CONNECT_TIMEOUT),
            #[cfg(feature = "control")]
            control: match longest {
                None => config.control_layer(),
                // Requests without a timeout of their own keep the default.
                Some(_) => {
                    let usual = Timeouts::default().connect(CONNECT_TIMEOUT);
                    config.control_layer().timeouts(usual)
                }
            },
            #[cfg(feature = "jwt")]
            jwt: config.jwt_layer(),
            #[cfg(any(feature = "cache", feature = "limits"))]
            first: config,
        })
    }

    fn as_start(&self) -> Start {
        Start {
            providers: Vec::new(),
            settings: Some(self.settings.clone()),
            client: self.client(),
            #[cfg(feature = "control")]
            control: self.control.clone(),
            #[cfg(feature = "jwt")]
            jwt: self.jwt.clone(),
        }
    }

    fn client(&self) -> HttpClientBuilder {
        let client = HttpClient::builder();
        #[cfg(feature = "control")]
        let client = client.connect_timeout(self.connect_timeout);
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        let client = client.client_certificates(&self.certificates);
        client
    }

    async fn follow(self, mut text: Option<String>, mut changes: Changes, mut hangups: Hangups) {
        loop {
            outlive("configuration", self.turn(&mut text, &mut changes, &mut hangups)).await;
        }
    }

    /// Waits for a change and applies it.
    async fn turn(&self, text: &mut Option<String>, changes: &mut Changes, hangups: &mut Hangups) {
        let is_asked_for = tokio::select! {
            () = hangups.next() => true,
            () = changes.next() => false,
        };
        let now = files::read(&self.path).await.ok();
        // Changes of other files in the directory wake this too.
        if now != *text || is_asked_for {
            *text = now;
            self.renew(is_asked_for).await;
        }
    }

    /// Reads and checks everything before any of it applies. Active requests keep their settings.
    async fn renew(&self, with_prices: bool) {
        if let Err(error) = self.try_renew(with_prices).await {
            tracing::error!(%error, "everything stays as it was");
        }
    }

    async fn try_renew(&self, with_prices: bool) -> Result<(), BoxError> {
        let config = read(&self.path).await?;
        let table = table(&config, &self.moved)?;
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        let certificates = certificates(&config, &self.moved)?;
        let prices = match &self.prices {
            Some(file) if with_prices => Some((file, file.read().await?)),
            _ => None,
        };
        // Nothing can fail from here on. At no time is anything allowed that either file refuses: callers
        // are checked before the new settings apply, and these checks are given up last.
        #[cfg(feature = "jwt")]
        if config.checks_tokens() {
            config.update_jwt(&self.jwt);
        }
        self.settings.replace(table);
        #[cfg(feature = "jwt")]
        if !config.checks_tokens() {
            config.update_jwt(&self.jwt);
        }
        #[cfg(feature = "control")]
        config.update_control(&self.control);
        tracing::info!(file = %self.path.display(), holds = %config, "the settings were read again");
        // The client was built at the start, and makes and shares all connections.
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        if certificates != self.certificates {
            let file = self.path.display();
            tracing::warn!(%file, "client certificates are read at the start alone; restart for them");
        }
        #[cfg(feature = "control")]
        if config.longest_connect_timeout() > Some(self.connect_timeout) {
            let (file, longest) = (self.path.display(), self.connect_timeout);
            tracing::warn!(%file, ?longest, "connect timeouts go no further than at the start; restart for longer ones");
        }
        #[cfg(feature = "limits")]
        if !config.has_same_limit_store(&self.first) {
            let file = self.path.display();
            tracing::warn!(%file, "[limits] is read at the start alone; restart for it");
        }
        #[cfg(feature = "cache")]
        if !config.has_same_cache_store(&self.first) {
            let file = self.path.display();
            tracing::warn!(%file, "[cache] is read at the start alone; restart for it");
        }
        if let Some((file, table)) = prices {
            file.replace(table);
        }
        Ok(())
    }
}

/// The settings of the file, with the command line's providers.
fn table(config: &Config, moved: &[ProviderOption]) -> Result<SettingsTable, BoxError> {
    Ok(config.settings().providers(with_moved(config.providers(), moved))?)
}

/// The client certificates for the providers, including those that the command line moves.
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
fn certificates(config: &Config, moved: &[ProviderOption]) -> Result<ClientCertificates, BoxError> {
    Ok(config.client_certificates(&with_moved(config.providers(), moved))?)
}

async fn read(path: &Path) -> Result<Config, BoxError> {
    let path = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || Config::from_file(path)).await??)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
