//! The example of a settings file is read, and so is what it leaves out.

use super::*;

pub(super) const EXAMPLE: &str = include_str!("../../../examples/gateway/gateway.toml");

#[test]
fn the_example_is_read() {
    let config = Config::from_toml(EXAMPLE).unwrap();
    assert_eq!(config.to_string(), "1 gateway, 19 providers, 1 route");
    let table = config.settings();
    // It grants no access: no token and no key is active.
    let team = table.get(Some("acct"), "team").unwrap();
    assert!(!team.asks_for_token() && team.keys.is_empty());
    assert!(table.get(Some("other"), "team").unwrap().requires_credentials);
    table.check_providers(&config.providers()).unwrap();
}

/// The example with the settings in its comments, and the certificate file that it names.
#[cfg(all(
    feature = "client",
    feature = "control",
    feature = "jwt",
    feature = "limits",
    feature = "redis",
    any(feature = "tls-aws-lc-rs", feature = "tls-ring")
))]
pub(super) fn with_what_it_leaves_out() -> (String, tempfile::NamedTempFile) {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let name = line.trim_start().strip_prefix("# ").unwrap_or_default();
        let is_setting = name.starts_with('[')
            || name.starts_with("{ ")
            || name.split_once(" = ").is_some_and(|(name, _)| {
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            });
        let line = if is_setting { line.replacen("# ", "", 1) } else { line.to_owned() };
        text.push_str(&line.replace("\"XAI_API_KEY\"", "\"HAS_A\""));
        text.push('\n');
    }
    let key = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let identity = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(identity.path(), key.cert.pem() + &key.signing_key.serialize_pem()).unwrap();
    let text = text
        .replace("TEAM_TOKEN", "HAS_B")
        .replace("REDIS_URL", "HAS_URL")
        .replace("{ file = \"/run/secrets/team-token\" },", "")
        .replace("/run/secrets/grok.pem", identity.path().to_str().unwrap());
    (text, identity)
}

#[cfg(all(
    feature = "client",
    feature = "control",
    feature = "jwt",
    feature = "limits",
    feature = "redis",
    any(feature = "tls-aws-lc-rs", feature = "tls-ring")
))]
#[test]
fn the_lines_that_the_example_leaves_out_are_good_too() {
    let (text, _identity) = with_what_it_leaves_out();
    let config = read(&text).unwrap();
    assert_eq!(config.client_certificates(&config.providers()).unwrap().iter().count(), 2);
    assert!(!config.has_same_control(&read("").unwrap()));
    // The example shows the defaults.
    let text = "[health]\nbreaker = {}\ncool_down = {}\n[retry]\nbudget_share = 0.2\n\
                max_body_bytes = 16_777_216";
    assert!(config.has_same_control(&read(text).unwrap()));
    let team = config.settings().get(Some("acct"), "team").unwrap().clone();
    assert!(team.token_number(b"sk-LEAK-HAS_B").is_some());
    assert_eq!(team.keys.iter().count(), 1);
    assert!(team.timeouts.total.is_some());
    let defaults = team.defaults().unwrap();
    assert!(defaults.custom_cost.is_some() && defaults.byok_alias.is_some());
}

/// A URL of Redis may contain a password.
#[cfg(feature = "redis")]
#[test]
fn the_store_for_limits_is_read_and_not_shown() {
    let one = read("[limits]\nredis = { env = \"HAS_URL\" }\nrate_limit_fields = true").unwrap();
    let shown = format!("{one:?} {:?}", one.control_layer());
    assert!(!shown.contains("LEAK"), "{shown}");
    let same = |text: &str| one.has_same_limit_store(&read(&format!("[limits]\n{text}")).unwrap());
    assert!(same("redis = { env = \"HAS_URL\" }\nrate_limit_fields = true"));
    assert!(!same("redis = { env = \"HAS_URL\" }"));
    assert!(!same("redis = { env = \"HAS_URL\" }\nrate_limit_fields = true\ndeadline_ms = 20"));
    assert!(!same("redis = { env = \"HAS_URL\" }\nrate_limit_fields = true\nqueue = 7"));
    assert!(!same("redis_cluster = [{ env = \"HAS_URL\" }]\nrate_limit_fields = true"));
    for (text, words) in [
        ("redis = { env = \"HAS_A\" }", "limits: a URL of Redis is not of the form"),
        ("redis = {}", "limits.redis: a URL of Redis must have either `env` or `file`"),
        ("redis = \"redis://LEAK@127.0.0.1\"", "limits.redis: "),
        ("redis_cluster = []", "limits: a cluster needs at least one node"),
        ("prefix = \"a\"", "limits.prefix: it is only for `redis` and `redis_cluster`"),
        ("deadline_ms = 5", "limits: `deadline_ms`: it is only for `redis`"),
        ("queue = 5", "limits: `queue`: it is only for `redis`"),
        (
            "redis = { env = \"HAS_URL\" }\nqueue = 0",
            "limits.queue: it must be a whole number from 1",
        ),
        (
            "redis_ca = { file = \"a\" }",
            "limits.redis_ca: it is only for `redis` and `redis_cluster`",
        ),
        (
            "redis = { env = \"HAS_URL\" }\nredis_ca = { file = \"no/such\" }",
            "limits.redis_ca.file: the file that it names does not exist",
        ),
        (
            "redis = { env = \"HAS_URL\" }\nredis_ca = { file = \"-----BEGIN LEAK-----\" }",
            "limits.redis_ca.file: a certificate and its private key must not be",
        ),
        ("redis = { env = \"HAS_URL\" }\nprefix = \"{\"", "limits: the prefix of keys"),
        ("redis = { env = \"HAS_URL\" }\nredis_cluster = []", "it must have either"),
    ] {
        let error = read(&format!("[limits]\n{text}")).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("LEAK"), "{text}: {error}");
    }
}

#[test]
fn nothing_is_an_empty_table() {
    let config = read("").unwrap();
    assert_eq!(config.to_string(), "0 gateways, 18 providers, 0 routes");
    assert!(config.providers() == Provider::all());
    assert!(config.settings().get(None, "default").is_none());
    let served = read("unknown_gateways = \"serve\"").unwrap().settings();
    assert!(!served.get(None, "default").unwrap().asks_for_token());
}
