//! Settings that are read again when their file changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;
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

/// The time without a change after which a file counts as written.
const SETTLE: Duration = Duration::from_millis(200);

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
        let changed = async {
            changes.next().await;
            read_settled(&self.path).await
        };
        // A hangup does not wait for a file that keeps changing.
        let settled = tokio::select! {
            () = hangups.next() => None,
            now = changed => Some(now),
        };
        let is_asked_for = settled.is_none();
        let now = match settled {
            Some(now) => now,
            None => files::read(&self.path).await.ok(),
        };
        // Changes of other files in the directory wake this too.
        if now != *text || is_asked_for {
            *text = now;
            self.renew(is_asked_for).await;
        }
    }

    /// Reads and checks everything before any of it applies. Active requests keep their settings.
    async fn renew(&self, with_prices: bool) {
        if let Err(error) = self.try_renew(with_prices).await {
            tracing::error!(%error, "settings not reloaded: nothing has changed");
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
        // Nothing can fail from here on. The parts apply one after another: checks of callers start before
        // the new settings, and end after them.
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
        tracing::info!(file = %self.path.display(), holds = %config, "settings reloaded");
        // The client was built at the start, and makes and shares all connections.
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        if certificates != self.certificates {
            let file = self.path.display();
            tracing::warn!(%file, "client certificates are only read at the start; restart to apply them");
        }
        #[cfg(feature = "control")]
        if config.longest_connect_timeout() > Some(self.connect_timeout) {
            let (file, longest) = (self.path.display(), self.connect_timeout);
            tracing::warn!(%file, ?longest, "no connect timeout can be longer than at the start; restart to apply longer ones");
        }
        #[cfg(feature = "limits")]
        if !config.has_same_limit_store(&self.first) {
            let file = self.path.display();
            tracing::warn!(%file, "[limits] is only read at the start; restart to apply it");
        }
        #[cfg(feature = "cache")]
        if !config.has_same_cache_store(&self.first) {
            let file = self.path.display();
            tracing::warn!(%file, "[cache] is only read at the start; restart to apply it");
        }
        if let Some((file, table)) = prices {
            file.replace(table);
        }
        Ok(())
    }
}

/// Reads until two reads agree: a file that is still being written can be valid up to any line, and may not
/// say yet who must be refused.
async fn read_settled(path: &Path) -> Option<String> {
    let mut before = files::read(path).await.ok();
    loop {
        sleep(SETTLE).await;
        let now = files::read(path).await.ok();
        if now == before {
            return now;
        }
        before = now;
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
    Ok(files::in_time(tokio::task::spawn_blocking(move || Config::from_file(path))).await???)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
