//! What a resolver closure may return.

use std::sync::Arc;

use super::GatewaySettings;
use crate::rejection::Refusal;

/// What a settings resolver closure may return: settings, `None` for an unknown gateway, or a
/// [`Refusal`].
///
/// Sealed. Implemented for `Arc<GatewaySettings>`, an `Option` of it, and a `Result` of either with
/// a [`Refusal`] as its error.
///
/// ```
/// use std::sync::Arc;
/// use tower_ai_gateway::settings::{GatewaySettings, SettingsQuery};
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let main = Arc::new(GatewaySettings::default());
/// let gateway = GatewayLayer::builder()
///     .provider(Provider::xai())
///     // An `Option`: any other gateway is unknown.
///     .settings(move |query: &SettingsQuery<'_>| (query.gateway == "main").then(|| main.clone()))
///     .build()?;
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a settings resolver cannot return `{Self}`",
    note = "return `Arc<GatewaySettings>`, an `Option` of it, or a `Result` of either with a `Refusal`"
)]
pub trait IntoSettings: sealed::Sealed {
    /// `gateway` is the requested id.
    #[doc(hidden)]
    fn into_settings(self, gateway: &str) -> Result<Arc<GatewaySettings>, Refusal>;
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for Arc<GatewaySettings> {}
impl<T: IntoSettings> sealed::Sealed for Option<T> {}
impl<T: IntoSettings> sealed::Sealed for Result<T, Refusal> {}

impl IntoSettings for Arc<GatewaySettings> {
    fn into_settings(self, _: &str) -> Result<Arc<GatewaySettings>, Refusal> {
        Ok(self)
    }
}

impl<T: IntoSettings> IntoSettings for Option<T> {
    fn into_settings(self, gateway: &str) -> Result<Arc<GatewaySettings>, Refusal> {
        match self {
            Some(settings) => settings.into_settings(gateway),
            None => Err(Refusal::unknown_gateway(gateway)),
        }
    }
}

impl<T: IntoSettings> IntoSettings for Result<T, Refusal> {
    fn into_settings(self, gateway: &str) -> Result<Arc<GatewaySettings>, Refusal> {
        self?.into_settings(gateway)
    }
}
