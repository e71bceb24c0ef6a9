//! The table of providers is sound, and mistakes in base URLs and slugs are named.

use super::*;
use crate::util::config_error::ConfigError;
use crate::util::operation::Operation;

const OPENAI: ApiKind = ApiKind::OpenAi(Operation::Chat);

fn refusal(base_url: &str) -> String {
    Upstream::new(Provider::xai().base_url(base_url)).unwrap_err().to_string()
}

#[test]
fn mistakes_in_a_base_url_are_named() {
    for (base_url, reason) in [
        ("api.x.ai/v1", "not a URL"),
        ("/v1", "must begin with http:// or https://"),
        ("ftp://api.x.ai", "must begin with http:// or https://"),
        ("https://user:hunter2@api.x.ai/v1", "must not hold a user"),
        ("https://api.x.ai/v1?key=1", "must not have a query"),
        ("https://api.x.ai/v1#top", "must not have a query or a fragment"),
        ("https://api.x.ai/v1/../v2", "dot segments"),
        ("https://api.x.ai:99999/", "malformed"),
    ] {
        let refusal = refusal(base_url);
        assert!(refusal.contains(reason) && refusal.contains("grok"), "{base_url}: {refusal}");
        assert!(!refusal.contains("hunter2"), "a refusal never repeats a password: {refusal}");
    }
}

#[test]
fn no_key_in_a_base_url_is_shown() {
    for base_url in [
        "https://user:hunter2@api.x.ai/v1",
        "https://api.x.ai/v1?key=hunter2",
        "https://api.x.ai/v1#hunter2",
    ] {
        let shown = format!("{:?}", Provider::xai().base_url(base_url));
        assert!(!shown.contains("hunter2") && shown.contains("grok"), "{shown}");
    }
    assert!(format!("{:?}", Provider::xai()).contains("https://api.x.ai/v1"));
}

#[test]
fn another_slug_keeps_the_kind() {
    for provider in Provider::all() {
        let (slug, renamed) = (provider.slug().to_owned(), provider.with_slug("another"));
        assert_eq!((renamed.slug(), renamed.kind()), ("another", Some(&*slug)));
    }
    let custom = Provider::custom("acme", "http://localhost").with_slug("openai");
    assert_eq!((custom.slug(), custom.kind()), ("openai", None));
}

#[test]
fn slugs_are_plain_and_unique() {
    for slug in ["", "Grok", "a/b", "compat", "..", "a%20b"] {
        let provider = Provider::xai().alias(slug);
        assert!(matches!(Upstream::new(provider), Err(ConfigError::Slug { .. })), "{slug}");
    }
    let twice = Providers::new(vec![Provider::xai(), Provider::custom("xai", "http://localhost")]);
    assert!(matches!(twice, Err(ConfigError::DuplicateSlug { slug }) if slug == "xai"));
    assert!(matches!(Providers::new(vec![]), Err(ConfigError::NoProvider)));
}

#[test]
fn a_custom_provider_answers_to_both_of_its_names() {
    for given in ["acme", "custom-acme"] {
        let providers =
            Providers::new(vec![Provider::custom(given, "http://localhost:1/v1/")]).unwrap();
        for name in ["acme", "custom-acme"] {
            let upstream = providers.find(name).unwrap();
            assert_eq!(upstream.slug(), "custom-acme");
            assert_eq!(
                upstream.origin().uri_by(ApiKind::Native, "x", None).unwrap(),
                "http://localhost:1/v1/x"
            );
        }
    }
}

#[test]
fn the_table_is_sound_and_leads_to_the_documented_urls() {
    let providers = Providers::new(Provider::all()).unwrap();
    for (name, native, openai) in [
        ("grok", "https://api.x.ai/v1/x", "https://api.x.ai/v1/chat/completions"),
        ("xai", "https://api.x.ai/v1/x", "https://api.x.ai/v1/chat/completions"),
        ("openai", "https://api.openai.com/v1/x", "https://api.openai.com/v1/chat/completions"),
        (
            "anthropic",
            "https://api.anthropic.com/x",
            "https://api.anthropic.com/v1/chat/completions",
        ),
        (
            "google-ai-studio",
            "https://generativelanguage.googleapis.com/x",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        (
            "groq",
            "https://api.groq.com/openai/v1/x",
            "https://api.groq.com/openai/v1/chat/completions",
        ),
        ("mistral", "https://api.mistral.ai/x", "https://api.mistral.ai/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com/x", "https://api.deepseek.com/v1/chat/completions"),
        (
            "perplexity-ai",
            "https://api.perplexity.ai/x",
            "https://api.perplexity.ai/chat/completions",
        ),
        ("perplexity", "https://api.perplexity.ai/x", "https://api.perplexity.ai/chat/completions"),
        ("cerebras", "https://api.cerebras.ai/v1/x", "https://api.cerebras.ai/v1/chat/completions"),
        (
            "openrouter",
            "https://openrouter.ai/api/v1/x",
            "https://openrouter.ai/api/v1/chat/completions",
        ),
        (
            "cohere",
            "https://api.cohere.ai/x",
            "https://api.cohere.ai/compatibility/v1/chat/completions",
        ),
    ] {
        let upstream = providers.find(name).unwrap();
        assert_eq!(upstream.origin().uri_by(ApiKind::Native, "x", None).unwrap(), native, "{name}");
        let uri = upstream.origin().uri_by(OPENAI, "chat/completions", None).unwrap();
        assert_eq!(uri, openai, "{name}");
    }
}

#[test]
fn an_overridden_base_may_include_the_openai_path() {
    let upstream = Upstream::new(Provider::anthropic().base_url("http://127.0.0.1:1/v1")).unwrap();
    assert_eq!(
        upstream.origin().uri_by(OPENAI, "messages", Some("beta=true")).unwrap(),
        "http://127.0.0.1:1/v1/messages?beta=true"
    );
}

#[test]
fn an_own_path_to_the_openai_api_holds_for_all_of_its_endpoints() {
    let perplexity = Provider::perplexity().base_url("http://127.0.0.1:1/x").openai_path("/own");
    for endpoint in ["chat/completions", "responses"] {
        let upstream = Upstream::new(perplexity.clone()).unwrap();
        let uri = upstream.origin().uri_by(OPENAI, endpoint, None).unwrap();
        assert_eq!(uri.to_string(), format!("http://127.0.0.1:1/x/own/{endpoint}"));
    }
}

#[test]
fn built_in_providers_are_known_by_all_of_their_names() {
    let mut all = Provider::all();
    all.extend([
        Provider::azure_openai("resource"),
        Provider::vertex_ai("project", "us-central1"),
        Provider::bedrock("us-east-1"),
        Provider::bedrock_mantle("us-east-1"),
        Provider::workers_ai("account"),
    ]);
    let names = || all.iter().flat_map(|one| std::iter::once(&one.slug).chain(&one.aliases));
    for name in names() {
        assert!(is_built_in(name), "{name}");
    }
    assert_eq!(names().count(), table::NAMES.len() + regional::NAMES.len());
    assert!(!is_built_in("acme") && !is_built_in("posts") && !is_built_in(""));
}
