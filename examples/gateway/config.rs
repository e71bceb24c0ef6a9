//! `--config FILE`: the providers and the settings of gateways, read again while the gateway runs.

#[cfg(feature = "config")]
mod follow;
#[cfg(feature = "config")]
mod watch;

use std::error::Error;
use std::path::Path;

use tower_ai_gateway::client::HttpClientBuilder;
#[cfg(feature = "control")]
use tower_ai_gateway::control::ControlLayer;
#[cfg(feature = "jwt")]
use tower_ai_gateway::jwt::JwtLayer;
use tower_ai_gateway::settings::{
    ClientControl, GatewaySettings, Settings, SettingsError, SettingsTable,
};
use tower_ai_gateway::{HttpClient, Provider};

use super::options::ProviderOption;
use super::prices::PricesFile;

type BoxError = Box<dyn Error + Send + Sync>;

/// The parts of the layer and its client.
pub(crate) struct Start {
    /// Empty if they come with the settings.
    pub(crate) providers: Vec<Provider>,
    /// `None` if every gateway is served, without settings.
    pub(crate) settings: Option<Settings>,
    /// Has the client certificates of the file's providers.
    pub(crate) client: HttpClientBuilder,
    #[cfg(feature = "control")]
    pub(crate) control: ControlLayer,
    #[cfg(feature = "jwt")]
    pub(crate) jwt: JwtLayer,
}

/// Reads the file, or without one takes the built-in providers. The command line's providers override
/// both, also when the file is read again. `controls`: the control headers that clients may use if
/// there is no file.
pub(crate) async fn start(
    file: Option<&Path>,
    moved: Vec<ProviderOption>,
    prices: Option<PricesFile>,
    controls: Option<Vec<ClientControl>>,
) -> Result<Start, BoxError> {
    // A build without the feature refuses the option.
    #[cfg(feature = "config")]
    if let Some(path) = file {
        return follow::start(path, moved, prices).await;
    }
    #[cfg(not(feature = "config"))]
    let _ = file;
    if let Some(prices) = prices {
        prices.follow()?;
    }
    Ok(Start {
        providers: with_moved(Provider::all(), &moved),
        settings: controls.map(with_controls).transpose()?,
        client: HttpClient::builder(),
        #[cfg(feature = "control")]
        control: ControlLayer::new(),
        #[cfg(feature = "jwt")]
        jwt: JwtLayer::off(),
    })
}

/// Settings that serve every gateway, and allow its clients these control headers.
fn with_controls(controls: Vec<ClientControl>) -> Result<Settings, SettingsError> {
    let settings = GatewaySettings::builder().client_controls(controls).build()?;
    Ok(Settings::new(SettingsTable::new().serve_unknown(settings)))
}

/// Moves or adds the command line's providers.
fn with_moved(mut providers: Vec<Provider>, moved: &[ProviderOption]) -> Vec<Provider> {
    for ProviderOption { slug, base_url } in moved {
        match providers.iter_mut().find(|provider| provider.answers_to(slug)) {
            Some(known) => *known = known.clone().only_base_url(base_url),
            None => providers.push(Provider::custom(slug, base_url)),
        }
    }
    providers
}

/// Summarises a valid file in one line.
pub(crate) fn check(path: &Path) -> Result<String, BoxError> {
    #[cfg(feature = "config")]
    {
        let config = tower_ai_gateway::config::Config::from_file(path)?;
        Ok(format!("{}: {config}\n", path.display()))
    }
    #[cfg(not(feature = "config"))]
    Err(format!("{}: this program was built without the feature `config`", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_file_there_are_no_settings() {
        let Start { providers, settings, .. } = start(None, Vec::new(), None, None).await.unwrap();
        assert!(providers == Provider::all());
        assert!(settings.is_none());
    }

    #[tokio::test]
    async fn controls_apply_to_every_gateway() {
        let controls = Some(ClientControl::ALL.to_vec());
        let started = start(None, Vec::new(), None, controls).await.unwrap();
        assert!(started.providers == Provider::all());
        assert!(started.settings.unwrap().current().get(Some("any"), "gateway").is_some());
    }

    #[test]
    fn a_moved_provider_has_no_other_base_url() {
        let known = Provider::xai().further_base_url("https://us-east-1.api.x.ai/v1", 1);
        let moved = ProviderOption {
            slug: "grok".to_owned(),
            base_url: "http://127.0.0.1:1/v1".to_owned(),
        };
        let providers = with_moved(vec![known], &[moved]);
        assert_eq!(providers, [Provider::xai().base_url("http://127.0.0.1:1/v1")]);
    }

    #[cfg(feature = "config")]
    #[test]
    fn a_valid_file_is_summarised_and_an_invalid_one_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, "[gateways.a]\n[gateways.b]\n").unwrap();
        let summary = check(&path).unwrap();
        assert!(summary.ends_with("gateway.toml: 2 gateways, 18 providers, 0 routes\n"));
        std::fs::write(&path, "[gateways.a]\nnonsense = 1\n").unwrap();
        let error = check(&path).unwrap_err().to_string();
        assert!(error.contains("gateway.toml, line 2, gateways.a.nonsense: "), "{error}");
        let error = check(&directory.path().join("missing.toml")).unwrap_err().to_string();
        assert!(error.contains("missing.toml: it cannot be read"), "{error}");
    }
}
