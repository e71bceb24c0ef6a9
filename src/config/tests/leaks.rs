//! Errors and `Debug` never show keys and tokens, wherever they are in a file.

use super::*;

/// Looks like a key of xAI, except for the word.
const KEY: &str = "sk-LEAK-0123456789abcdefghijklmnopqrstuvwxyz";

fn refusal(text: &str) -> ConfigFileError {
    let error = read(text).expect_err(text);
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("LEAK"), "{text}: {shown}");
    error
}

fn of_gateway(text: &str) -> ConfigFileError {
    let error = refusal(&format!("[gateways.team]\n{text}"));
    assert_eq!(error.line(), Some(2 + text.matches('\n').count()), "{text}: {error}");
    error
}

#[test]
fn a_key_in_the_file_itself_is_refused_and_the_reason_given() {
    for name in ["key", "value", "secret", "token", "api_key", "password"] {
        let keys = format!("keys = [{{ provider = \"grok\", {name} = \"{KEY}\" }}]");
        let tokens = format!("tokens = [{{ {name} = \"{KEY}\" }}]");
        let list = format!("[[gateways.team.keys]]\nprovider = \"grok\"\n{name} = \"{KEY}\"");
        for text in [keys, tokens, list] {
            let error = of_gateway(&text);
            assert_eq!(error.kind(), Kind::PlainSecret, "{text}: {error}");
            assert!(error.to_string().contains("must not be in this file"), "{error}");
            assert!(error.key().ends_with(name), "{error}");
        }
    }
    for text in [format!("tokens = [\"{KEY}\"]"), format!("keys = [\"{KEY}\"]")] {
        assert_eq!(of_gateway(&text).kind(), Kind::PlainSecret);
    }
    assert_eq!(of_gateway(&format!("token = \"{KEY}\"")).kind(), Kind::PlainSecret);
}

#[test]
fn a_key_in_a_wrong_place_is_not_repeated() {
    for text in [
        "tokens = \"KEY\"",
        "tokens = [{ sha256 = \"KEY\" }]",
        "tokens = [{ env = \"KEY\" }]",
        "tokens = [{ file = \"KEY\" }]",
        "KEY = 1",
        "account = \"KEY/\"",
        "allow_providers = [\"KEY\"]",
        "provider_timeouts.KEY = {}",
        "timeouts = \"KEY\"",
        "timeouts.head_ms = \"KEY\"",
        "timeouts.KEY = 1",
        "defaults.byok_alias = \"KEY\"",
        "defaults.backoff = \"KEY\"",
        "defaults.max_attempts = \"KEY\"",
        "concurrency.providers.KEY = { limit = 1 }",
        "keys = [{ provider = \"KEY\" }]",
        "keys = [{ provider = \"KEY\", value = 1 }]",
        "keys = [{ provider = \"grok\", env = \"KEY\" }]",
        "keys = [{ provider = \"grok\", file = \"KEY\" }]",
        "keys = [{ provider = \"grok\", env = \"A\", alias = \"KEY.LEAK!\" }]",
        "fallback = [{ models = \"*\", provider = \"KEY\" }]",
        "fallback = [{ models = \"*\", steps = [{ provider = \"grok\", key_alias = \"KEY\" }] }]",
        "fallback = [{ models = \"*\", steps = [{ provider = \"grok\", key = \"KEY\" }] }]",
        "fallback = [{ models = \"*\", steps = [\"KEY\"] }]",
        "routes = [{ name = \"KEY\" }]",
        "routes = [{ name = \"KEY !\" }]",
        "routes = [\"KEY\"]",
        "routes = [{ name = \"r\", KEY = 1 }]",
        "routes = [{ name = \"r\", version = \"KEY!\" }]",
        "routes = [{ name = \"r\", start = \"KEY\" }]",
        "routes = [{ name = \"r\", nodes = \"KEY\" }]",
        "routes = [{ name = \"r\", nodes = { m = { type = \"KEY\" } } }]",
        "routes = [{ name = \"r\", nodes = { KEY = { type = \"KEY\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"KEY\", model = \"m\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"sk-LEAK\", model = \"m\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"sk-leak\", model = \"m\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", key_alias = \"KEY\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", attempts = \"KEY\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", key = \"KEY\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", backoff = \"KEY\" } } }]",
        "account = KEY",
        "KEY",
        "tokens = [{ sha256 = \"KEY }]",
        "KEY = 1\nKEY = 2",
    ] {
        of_gateway(&text.replace("KEY", KEY));
        of_gateway(&text.replace("KEY", "sk-LEAK"));
    }
    for text in [
        format!("{KEY} = 1"),
        format!("unknown_gateways = \"{KEY}\""),
        format!("gateways = \"{KEY}\""),
        format!("[gateways.{KEY}]\nx = 1"),
        format!("[providers.{KEY}]\nbase_url = \"http://a\""),
        format!("[providers.grok]\nbase_url = \"{KEY}\""),
        format!("[providers.grok]\nbase_url = \"http://user:{KEY}@a\""),
        format!("[providers.grok]\nkey_header = \"{KEY} \""),
        format!("[providers.grok]\nkey = \"{KEY}\""),
        format!("[providers.grok]\naliases = [\"{KEY}\"]"),
        format!("[providers.x]\nkind = \"{KEY}\""),
        format!("[providers.azure-openai]\nresource = \"{KEY}.\""),
        format!("[providers.grok]\nquery = \"{KEY}\""),
        format!("[providers.grok]\nquery = {{ key = \"{KEY}\" }}"),
        format!("[providers.grok]\nquery = {{ {KEY} = 1 }}"),
        format!("[providers.grok]\nheaders = {{ a = \"{KEY}\" }}"),
        format!("[providers.grok]\nheaders = {{ \"{KEY} \" = \"x\" }}"),
        format!("[providers.grok]\nheaders = {{ host = {{ env = \"{KEY}\" }} }}"),
        format!("[providers.grok]\nmodel_aliases = {{ {KEY} = \"\" }}"),
        format!("[gateways.team]\ndefault_provider = \"{KEY}\""),
        format!("health = \"{KEY}\""),
        format!("[health.breaker]\n{KEY} = 1"),
        format!("[health]\ncool_down = {{ cap_ms = \"{KEY}\" }}"),
        format!("[retry]\nbudget_share = \"{KEY}\""),
    ] {
        refusal(&text);
    }
}

#[test]
fn keys_of_every_kind_are_refused_and_not_repeated() {
    for key in crate::util::redact::samples() {
        for text in [
            format!("[providers.grok]\nquery = {{ a = \"{key}\" }}"),
            format!("[gateways.team]\nkeys = [{{ provider = \"{key}\" }}]"),
            format!("[gateways.team]\ndefault_provider = \"{key}\""),
            format!("unknown_gateways = \"{key}\""),
        ] {
            let error = refusal(&text);
            let is_plain = error.kind() == Kind::PlainSecret;
            assert_eq!(is_plain, text.contains("query"), "{text}: {error}");
            assert!(!error.to_string().contains(&key[key.len() - 16..]), "{text}: {error}");
        }
    }
}

#[test]
fn a_credential_by_any_name_is_refused_with_its_proper_place() {
    for name in crate::util::redact::names() {
        let error = of_gateway(&format!("tokens = [{{ {name} = \"hunter2\" }}]"));
        assert_eq!(error.kind(), Kind::PlainSecret, "{name}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn what_variables_and_files_hold_is_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("good"), "sk-LEAK-good\n").unwrap();
    std::fs::write(directory.path().join("bad"), "sk-LEAK two words\n").unwrap();
    let path = directory.path().join("gateway.toml");
    let from_file = |holder: &str, name: &str| {
        let key = format!("keys = [{{ provider = \"grok\", {holder} = \"{name}\" }}]");
        std::fs::write(&path, format!("[gateways.team]\nauthenticated_elsewhere = true\n{key}\n"))
            .unwrap();
        Config::from_file(&path)
    };
    let config = from_file("file", "good").unwrap();
    let shown = format!("{config} {config:?} {:?}", config.settings());
    assert!(!shown.contains("LEAK"), "{shown}");
    let keys = config.settings().get(None, "team").unwrap().keys.clone();
    assert!(!format!("{keys:?}").contains("LEAK"));
    assert_eq!(keys.iter().next().unwrap().secret, Secret::new("sk-LEAK-good").unwrap());

    let said = |holder, name| from_file(holder, name).unwrap_err().to_string();
    let start = format!("{}, line 3, gateways.team.keys.grok.", path.display());
    let bad = "file: the file that it names holds no key: 1 to 4096 visible ASCII characters";
    assert_eq!(said("file", "bad"), format!("{start}{bad}"));
    let missing = "file: the file that it names does not exist or cannot be read";
    assert_eq!(said("file", "missing"), format!("{start}{missing}"));
    let missing = "env: the environment variable that it names does not exist or cannot be read";
    assert_eq!(said("env", "NO_SUCH_KEY_HERE"), format!("{start}{missing}"));

    let lines = refusal("[providers.grok]\nheaders = { a = { env = \"HAS_LINES\" } }");
    assert!(lines.to_string().contains("holds no value of a header"), "{lines}");
    let spaces = "keys = [{ provider = \"grok\", env = \"HAS_SPACES\" }]";
    assert_eq!(of_gateway(spaces).kind(), Kind::Secret);
}

#[test]
fn what_does_not_look_like_a_key_is_not_repeated_where_one_may_be() {
    for text in [
        "LEAK-7 = 1",
        "tokens = [{ env = \"LEAK-7\" }]",
        "tokens = [{ LEAK-7 = 1 }]",
        "keys = [{ provider = \"grok\", alias = \"LEAK 7\", env = \"HAS_A\" }]",
        "keys = [{ provider = \"grok\", LEAK-7 = 1 }]",
        "timeouts.head_ms = \"LEAK-7\"",
        "defaults.byok_alias = \"LEAK-7\"",
        "defaults.backoff = \"LEAK-7\"",
        "fallback = [{ models = \"*\", steps = [{ model = \"m\", key_alias = \"LEAK-7\" }] }]",
        "routes = [{ name = \"r\", start = [\"LEAK-7\"], LEAK-7 = 1 }]",
        "routes = [{ name = \"r\", nodes = \"LEAK-7\" }]",
        "routes = [{ name = \"r\", nodes = { m = { type = \"LEAK-7\" } } }]",
        "routes = [{ name = \"r\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", attempts = \"LEAK-7\" } } }]",
        "routes = [{ name = \"r\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", LEAK-7 = 1 } } }]",
        "routes = [{ name = \"r\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", backoff = \"LEAK-7\" } } }]",
        "account = LEAK-7",
    ] {
        of_gateway(text);
    }
}

/// Keys and passwords that look like nothing in particular.
const PLAIN: [&str; 6] = [
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "Zm9v+mFy/2Jheg+dXV4/cXV1eA==",
    "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
    "DEADBEEFCAFEBABEDEADBEEFCAFEBABE",
    "hunter2hunter2",
    "correcthorsebatterystaple",
];

#[test]
fn a_key_of_no_known_form_is_not_repeated_where_one_may_be() {
    for text in [
        "tokens = [\"KEY\"]",
        "tokens = [{ env = \"KEY\" }]",
        "tokens = [{ file = \"KEY\" }]",
        "tokens = [{ sha256 = \"KEY\" }]",
        "tokens = [{ env = \"A\", file = \"KEY\" }]",
        "keys = \"KEY\"",
        "keys = [\"KEY\"]",
        "keys = [{ provider = \"KEY\" }]",
        "keys = [{ provider = \"KEY\", env = \"A\", file = \"B\" }]",
        "keys = [{ provider = \"KEY\", weight = \"KEY\" }]",
        "keys = [{ provider = \"grok\", key = \"KEY\" }]",
        "keys = [{ provider = \"grok\", env = \"KEY\" }]",
        "keys = [{ provider = \"grok\", file = \"KEY\" }]",
        "keys = [{ provider = \"grok\", file = \"/etc/KEY\" }]",
        "keys = [{ provider = \"grok\", env = \"A\", alias = \"KEY !\" }]",
        "allow_providers = [\"KEY\"]",
        "defaults.byok_alias = \"KEY\"",
        "fallback = [{ models = \"*\", provider = \"KEY\" }]",
        "fallback = [{ models = \"*\", steps = [{ provider = \"KEY\" }] }]",
        "fallback = [{ models = \"*\", steps = [{ provider = \"grok\", key_alias = \"KEY\" }] }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"KEY\", model = \"m\" } } }]",
        "routes = [{ name = \"r\", start = \"m\", nodes = { m = { type = \"model\", provider = \"grok\", model = \"m\", key_alias = \"KEY\" } } }]",
        "default_provider = \"KEY\"",
        "[providers.grok]\nkey = \"KEY\"",
        "[providers.grok]\nkind = \"KEY\"",
        "[providers.grok]\nbase_url = \"KEY\"",
        "[providers.grok]\nbase_url = \"ftp://user:KEY@a\"",
        "[providers.grok]\nkey_header = \"KEY \"",
        "[providers.grok]\naliases = [\"KEY !\"]",
        "[providers.grok]\nheaders = { a = { env = \"KEY\" } }",
        "[providers.grok]\nheaders = { a = { file = \"KEY\" } }",
        "[providers.grok]\nclient_certificate = { file = \"KEY\" }",
        "[limits]\nredis = \"KEY\"",
        "[limits]\nredis = { env = \"KEY\" }",
        "[limits]\nredis = { file = \"KEY\" }",
        "[limits]\nredis_ca = { file = \"KEY\" }",
        "[limits]\nredis = { env = \"HAS_URL\" }\nredis_ca = { file = \"KEY\" }",
    ] {
        for key in PLAIN {
            let text = format!("[gateways.team]\n{}", text.replace("KEY", key));
            let error = read(&text).expect_err(&text);
            let shown = format!("{error} {error:?}");
            let is_shown = |part: &[u8]| shown.contains(str::from_utf8(part).unwrap());
            assert!(!key.as_bytes().windows(6).any(is_shown), "{text}\n{shown}");
        }
    }
}
