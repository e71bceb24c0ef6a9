//! The providers of a file are those of the table, moved and added to.

use super::*;

#[test]
fn providers_are_those_of_the_table_moved_and_added_to() {
    let config = read(
        r#"
        [providers.xai]
        base_url = "https://us.api.x.ai/v1"
        weight = 3
        further_base_urls = [
          { base_url = "https://eu.api.x.ai/v1" },
          { base_url = "https://api.x.ai/v1", weight = 2 },
        ]
        aliases = ["x"]

        [providers.local]
        base_url = "http://127.0.0.1:11434/v1"
        aliases = ["ollama", "llama"]
        key_header = "x-key"
        openai_path = "/openai"
        merge_repeated_segments = false
        zero_data_retention = true
        "#,
    );
    let mut expected = Provider::all();
    expected[0] = Provider::xai()
        .base_url("https://us.api.x.ai/v1")
        .weight(3)
        .further_base_url("https://eu.api.x.ai/v1", 1)
        .further_base_url("https://api.x.ai/v1", 2)
        .alias("x");
    let local = Provider::custom("local", "http://127.0.0.1:11434/v1").alias("ollama");
    let local = local
        .alias("llama")
        .key_header("x-key")
        .openai_path("/openai")
        .merge_repeated_segments(false);
    let local = local.zero_data_retention(true);
    expected.push(local);
    assert!(config.unwrap().providers() == expected);
}

#[test]
fn what_is_fixed_and_the_names_of_models_are_read() {
    let config = read(
        r#"
        [providers.grok]
        messages_path = "/anthropic"
        query = { a = "1", "b c" = "2" }
        headers = { x-org = "acme", x-secret = { env = "HAS_1" }, x-basic = { env = "HAS_SPACES" } }
        model_aliases = { fast = "grok-4-fast", "a/b" = "grok-4" }
        "#,
    );
    let mut expected = Provider::all();
    expected[0] = Provider::xai()
        .messages_path("/anthropic")
        .query("a", "1")
        .query("b c", "2")
        .header("x-basic", "sk-LEAK two words")
        .header("x-org", "acme")
        .header("x-secret", "sk-LEAK-HAS_1")
        .model_alias("a/b", "grok-4")
        .model_alias("fast", "grok-4-fast");
    assert!(config.unwrap().providers() == expected);
}

#[test]
fn providers_of_several_places_are_set_up_by_their_place() {
    let config = read(
        r#"
        [providers.azure-openai]
        resource = "res"
        [providers.azure-eu]
        kind = "azure"
        resource = "res-eu"
        aliases = ["eu"]
        [providers.vertex-ai]
        project = "p"
        region = "global"
        [providers.bedrock]
        region = "us-east-1"
        [providers.aws-bedrock-mantle]
        region = "us-east-1"
        base_url = "http://127.0.0.1:1"
        [providers.workers-ai]
        account = "0123"
        [providers.openai-other]
        kind = "openai"
        "#,
    );
    let mut providers = config.unwrap().providers();
    let mut added = providers.split_off(Provider::all().len());
    // The order of a table is not defined.
    added.sort_by(|a, b| a.slug().cmp(b.slug()));
    let expected = [
        Provider::bedrock("us-east-1"),
        Provider::bedrock_mantle("us-east-1").base_url("http://127.0.0.1:1"),
        Provider::azure_openai("res-eu").with_slug("azure-eu").alias("eu"),
        Provider::azure_openai("res"),
        Provider::vertex_ai("p", "global"),
        Provider::openai().with_slug("openai-other"),
        Provider::workers_ai("0123"),
    ];
    assert!(added == expected, "{added:?}");
}
