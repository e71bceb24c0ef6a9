//! `--config FILE`: the providers and the settings of gateways, followed while the gateway runs.

#[cfg(feature = "config")]
mod follow;
#[cfg(feature = "config")]
mod watch;

use std::error::Error;
use std::path::Path;

use tower_ai_gateway::Provider;
#[cfg(feature = "control")]
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::Settings;

type BoxError = Box<dyn Error + Send + Sync>;

/// What the layer and its client are built with.
pub(crate) struct Start {
    pub(crate) providers: Vec<Provider>,
    /// `None` where every gateway is served, and nothing is set.
    pub(crate) settings: Option<Settings>,
    #[cfg(feature = "control")]
    pub(crate) control: ControlLayer,
}

/// What the file says, or where none is given, the built-in providers alone.
pub(crate) async fn start(file: Option<&Path>) -> Result<Start, BoxError> {
    // A build without the feature refuses the option.
    #[cfg(feature = "config")]
    if let Some(path) = file {
        return follow::start(path).await;
    }
    #[cfg(not(feature = "config"))]
    let _ = file;
    Ok(Start {
        providers: Provider::all(),
        settings: None,
        #[cfg(feature = "control")]
        control: ControlLayer::new(),
    })
}

/// What a good file holds, in one line.
pub(crate) fn check(path: &Path) -> Result<String, BoxError> {
    #[cfg(feature = "config")]
    {
        let config = tower_ai_gateway::settings::Config::from_file(path)?;
        Ok(format!("{}: {config}\n", path.display()))
    }
    #[cfg(not(feature = "config"))]
    Err(format!("{}: this program was built without the feature `config`", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_file_nothing_is_set() {
        let Start { providers, settings, .. } = start(None).await.unwrap();
        assert!(providers == Provider::all());
        assert!(settings.is_none());
    }

    #[cfg(feature = "config")]
    #[test]
    fn a_good_file_is_summed_up_and_a_bad_one_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, "[gateways.a]\n[gateways.b]\n").unwrap();
        let summary = check(&path).unwrap();
        assert!(summary.ends_with("gateway.toml: 2 gateways, 11 providers, 0 routes\n"));
        std::fs::write(&path, "[gateways.a]\nnonsense = 1\n").unwrap();
        let error = check(&path).unwrap_err().to_string();
        assert!(error.contains("gateway.toml, line 2, gateways.a.nonsense: "), "{error}");
        let error = check(&directory.path().join("missing.toml")).unwrap_err().to_string();
        assert!(error.contains("missing.toml: it cannot be read"), "{error}");
    }
}
