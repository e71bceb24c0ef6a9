//! Settings that follow their file.

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

/// What connecting may take where the file does not say.
#[cfg(feature = "control")]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the file, and again from here on at every change of it and at SIGHUP.
pub(super) async fn start(
    path: &Path,
    moved: Vec<ProviderOption>,
    prices: Option<PricesFile>,
) -> Result<Start, BoxError> {
    // Before the settings are read: what changes in between is then another text.
    let text = files::read(path).await.ok();
    let (changes, hangups) = (Changes::of(path), Hangups::listen()?);
    let followed = Followed::start(path, moved, prices).await?;
    let start = followed.as_start();
    tokio::spawn(followed.follow(text, changes, hangups));
    Ok(start)
}

/// A file, and what the gateway runs with.
struct Followed {
    path: PathBuf,
    /// What the command line says of providers goes over the file.
    moved: Vec<ProviderOption>,
    /// Read again with the file at SIGHUP.
    prices: Option<PricesFile>,
    settings: Settings,
    /// What the client was built with.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    certificates: ClientCertificates,
    /// What the client was built with: no request waits for longer.
    #[cfg(feature = "control")]
    connect_timeout: Duration,
    #[cfg(feature = "control")]
    control: ControlLayer,
    /// What the control layers count and keep answers in was made by this one.
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
                // The others keep the usual one.
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

    /// Waits for a change and takes it over.
    async fn turn(&self, text: &mut Option<String>, changes: &mut Changes, hangups: &mut Hangups) {
        let is_asked_for = tokio::select! {
            () = hangups.next() => true,
            () = changes.next() => false,
        };
        let now = files::read(&self.path).await.ok();
        // Other files of the directory change too.
        if now != *text || is_asked_for {
            *text = now;
            self.renew(is_asked_for).await;
        }
    }

    /// All of it is read and checked before any of it is in force, and requests under way keep what
    /// they began with.
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
        // From here on nothing can fail. At no moment is anything open that either file closes: who may
        // come in is settled before what they may do, and tokens are given up last.
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
        // Connections are made, and shared, by the client that was built at the start.
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

/// What the file says, under what the command line says.
fn table(config: &Config, moved: &[ProviderOption]) -> Result<SettingsTable, BoxError> {
    Ok(config.settings().providers(with_moved(config.providers(), moved))?)
}

/// What the providers' servers are shown, wherever the command line moves them.
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
