//! Every mistake is found when the layer is built.

use super::*;
use crate::gateway::layer::GatewayLayer;
use crate::util::config_error::ConfigError;

#[test]
fn build_finds_every_mistake() {
    let xai = || GatewayLayer::builder().provider(Provider::xai());
    let custom = Provider::custom("acme", "http://127.0.0.1:1").openai_path("/v1?key=1");
    let twice = xai().mount(Mount::at("/ai")).mount(Mount::at("/ai/"));
    assert_eq!(GatewayLayer::builder().build().unwrap_err(), ConfigError::NoProvider);
    assert!(matches!(xai().provider(custom).build(), Err(ConfigError::BaseUrl { .. })));
    assert!(matches!(twice.build(), Err(ConfigError::DuplicateMount { .. })));
    assert!(matches!(xai().mount(Mount::at("/a b")).build(), Err(ConfigError::Mount { .. })));
    assert!(matches!(xai().via("a b").build(), Err(ConfigError::Via { .. })));
    let default = |name: &str| xai().default_provider(name).build();
    assert!(matches!(default("openai"), Err(ConfigError::DefaultProvider { .. })));
    assert!(default("grok").is_ok() && default("xai").is_ok());
    let alias = |alias: &str, model: &str| {
        let aliased = Provider::openai().model_alias("a", "b").model_alias(alias, model);
        xai().provider(aliased).build()
    };
    for (name, model) in [("a", "c"), ("", "c"), ("c", ""), (&"c".repeat(1025), "c")] {
        assert!(matches!(alias(name, model), Err(ConfigError::ModelAlias { .. })), "{name}");
    }
    assert!(alias("b", "c").is_ok());
    assert!(xai().mount(Mount::hosted()).mount(Mount::at("/v1")).via("gw").build().is_ok());
}
