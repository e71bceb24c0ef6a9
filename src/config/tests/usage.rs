//! The setting that asks a provider for the usage of streams.

use super::*;

#[test]
fn asking_for_usage_is_set_per_provider() {
    let config = read(
        "[providers.mistral]\nask_for_usage = true\n\
         [providers.openai]\nask_for_usage = false\n\
         [providers.local]\nbase_url = \"http://127.0.0.1:1\"\nask_for_usage = false\n",
    )
    .unwrap();
    let local = Provider::custom("local", "http://127.0.0.1:1").ask_for_usage(false);
    for expected in
        [Provider::mistral().ask_for_usage(true), Provider::openai().ask_for_usage(false), local]
    {
        assert!(config.providers().contains(&expected), "{expected:?}");
    }
    assert!(config.providers().contains(&Provider::groq()));
    let mistake = read("[providers.openai]\nask_for_usage = 1").unwrap_err().to_string();
    assert!(mistake.contains("providers.openai.ask_for_usage"), "{mistake}");
}
