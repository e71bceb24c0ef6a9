//! `docs/caching.md`: its settings are valid. Its code is compiled with the documentation's tests.

use tower_ai_gateway::config::Config;

const PAGE: &str = include_str!("../../../docs/caching.md");

#[test]
fn the_settings_on_the_page_are_valid() {
    let blocks = PAGE.split("```toml\n").skip(1);
    let settings: Vec<_> = blocks.map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(settings.len() >= 2, "{settings:?}");
    for text in settings {
        if let Err(error) = Config::from_toml(text) {
            panic!("{error}: {text}");
        }
    }
}
