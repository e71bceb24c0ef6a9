//! A file has the same meaning as the same settings in code.

use std::time::Duration;

use super::*;
use crate::directives::Backoff;
use crate::directives::locks::{ClientControl, LockedHeaders};
use crate::directives::timeouts::Timeouts;
use crate::settings::route::{DynamicRoute, Field, Node};
use crate::settings::{ClientCredentials, ConcurrencyLimit, FallbackChain, GatewayToken};
use crate::usage::custom_cost::CustomCost;

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
        ("redis = {}", "limits.redis: a URL of Redis has one of `env` and `file`"),
        ("redis = \"redis://LEAK@127.0.0.1\"", "limits.redis: "),
        ("redis_cluster = []", "limits: a cluster has a node at least"),
        ("prefix = \"a\"", "limits.prefix: it is for `redis` and `redis_cluster`"),
        ("deadline_ms = 5", "limits: `deadline_ms`: it is for `redis`"),
        ("queue = 5", "limits: `queue`: it is for `redis`"),
        (
            "redis = { env = \"HAS_URL\" }\nqueue = 0",
            "limits.queue: it must be a whole number from 1",
        ),
        ("redis_ca = { file = \"a\" }", "limits.redis_ca: it is for `redis` and `redis_cluster`"),
        (
            "redis = { env = \"HAS_URL\" }\nredis_ca = { file = \"no/such\" }",
            "limits.redis_ca.file: the file no/such is not there",
        ),
        (
            "redis = { env = \"HAS_URL\" }\nredis_ca = { file = \"-----BEGIN LEAK-----\" }",
            "limits.redis_ca.file: a certificate and its private key must not stand",
        ),
        ("redis = { env = \"HAS_URL\" }\nprefix = \"{\"", "limits: the prefix of keys"),
        ("redis = { env = \"HAS_URL\" }\nredis_cluster = []", "it is one of"),
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
        join_rule = false
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
    let local = local.alias("llama").key_header("x-key").openai_path("/openai").join_rule(false);
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
        headers = { x-org = "acme", x-secret = { env = "HAS_1" } }
        model_aliases = { fast = "grok-4-fast", "a/b" = "grok-4" }
        "#,
    );
    let mut expected = Provider::all();
    expected[0] = Provider::xai()
        .messages_path("/anthropic")
        .query("a", "1")
        .query("b c", "2")
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

#[test]
fn a_gateway_may_have_a_default_provider() {
    let text = "unknown_gateways = \"serve\"\n[default]\ndefault_provider = \"xai\"\n\
                [gateways.team]\ndefault_provider = \"acme\"\n\
                [providers.acme]\nbase_url = \"http://a\"";
    let settings = read(text).unwrap().settings();
    let of = |id| settings.get(None, id).unwrap().default_provider.as_deref();
    assert_eq!((of("team"), of("other")), (Some("custom-acme"), Some("grok")));
}

/// All settings of a gateway.
const ALL: &str = r#"
tokens = [{ sha256 = "2304fcda2bf82779c69d1100357cc0d7af66ee39d6fc1e1ae7a77cb7477f4943" }, { env = "HAS_T" }]
authenticated_elsewhere = true
require_credentials = true
client_credentials = "ignore"
provider_client_credentials = { xai = "refuse", openai = "pass" }
allow_providers = ["xai", "openai"]
allow_models = ["grok-*", "gpt-5"]
deny_models = ["*-x"]
refuse_served_models = true
keys = [
  { provider = "xai", env = "HAS_1" },
  { provider = "openai", alias = "backup", env = "HAS_2", weight = 2 },
  { provider = "openai", alias = "backup", env = "HAS_3", weight = 1 },
]
client_controls = ["retry", "custom_cost"]
locked_headers = "refuse"
metadata = { tenant = "red", seats = 7 }
reserved_metadata = ["plan"]
timeouts = { connect_ms = 1, head_ms = 2, idle_ms = 3, total_ms = 4 }
provider_timeouts.xai = { head_ms = 5 }
concurrency.limit = 10
concurrency.wait_ms = 11
concurrency.per_provider = { limit = 12 }
concurrency.per_credential = { limit = 13, wait_ms = 0 }
concurrency.providers.xai = { limit = 14 }
fallback = [
  { models = "grok-4*", provider = "xai", steps = [
    { model = "grok-3" },
    { provider = "openai", model = "gpt-5", key_alias = "backup" },
    { provider = "openai", key_alias = "backup" },
  ] },
  { models = "*", steps = [{ model = "x" }] },
]

[SECTION.defaults]
request_timeout_ms = 1
connect_timeout_ms = 2
idle_timeout_ms = 3
total_timeout_ms = 4
max_attempts = 5
retry_delay_ms = 0
backoff = "linear"
skip_cache = true
cache_ttl = 0
collect_log = false
collect_log_payload = true
byok_alias = "backup"
metadata = { a = "text", b = 1, c = 1.5, d = true }
custom_cost = { per_token_in = 1, per_cache_read_token = 0.5, per_cache_write_token = 3, per_token_out = 2.0 }

[[SECTION.routes]]
name = "support"
version = "2"
start = "paid"
[SECTION.routes.nodes.paid]
type = "conditional"
condition = { "metadata.plan" = { eq = "paid" } }
true = "big"
false = "small"
[SECTION.routes.nodes.big]
type = "model"
provider = "xai"
model = "grok-4"
key_alias = "default"
fallback = "small"
[SECTION.routes.nodes.small]
type = "model"
provider = "openai"
model = "gpt-5-mini"
"#;

fn in_code() -> GatewaySettings {
    let ms = Duration::from_millis;
    let secret = |name| env(name).unwrap();
    let route = DynamicRoute::builder("support").version("2").start("paid");
    let condition = Field::metadata("plan").equals("paid");
    let route = route
        .node("big", Node::model("xai", "grok-4").key_alias("default").fallback("small"))
        .node("paid", Node::when(condition, "big", "small"))
        .node("small", Node::model("openai", "gpt-5-mini"));
    let timeouts = Timeouts::default().connect(ms(1)).head(ms(2)).idle(ms(3)).total(ms(4));
    let chain = FallbackChain::on("grok-4*").from_provider("grok").to_model("grok-3");
    let chain = chain.to("openai", "gpt-5").with_key("backup").to_provider("openai");
    GatewaySettings::builder()
        .token(GatewayToken::new("team-token"))
        .token(GatewayToken::new("sk-LEAK-HAS_T"))
        .authenticated_elsewhere()
        .require_credentials()
        .client_credentials(ClientCredentials::Ignore)
        .client_credentials_for("grok", ClientCredentials::Refuse)
        .client_credentials_for("openai", ClientCredentials::Pass)
        .allow_providers(["grok", "openai"])
        .allow_models(["grok-*", "gpt-5"])
        .deny_models(["*-x"])
        .refuse_served_models()
        .key("grok", secret("HAS_1"))
        .weighted_key("openai", "backup", secret("HAS_2"), 2)
        .weighted_key("openai", "backup", secret("HAS_3"), 1)
        .client_controls([ClientControl::CustomCost, ClientControl::Retry])
        .locked_headers(LockedHeaders::Refuse)
        .metadata("seats", 7)
        .metadata("tenant", "red")
        .reserve_metadata("plan")
        .timeouts(timeouts)
        .provider_timeouts("grok", Timeouts::default().head(ms(5)))
        .concurrency_per_provider(ConcurrencyLimit::new(12))
        .concurrency_per_credential(ConcurrencyLimit::new(13).wait(ms(0)))
        .concurrency_of_provider("grok", ConcurrencyLimit::new(14))
        .concurrency(ConcurrencyLimit::new(10).wait(ms(11)))
        .default_metadata("a", "text")
        .default_metadata("b", 1)
        .default_metadata("c", 1.5)
        .default_metadata("d", true)
        .defaults(|defaults| {
            defaults.request_timeout = Some(ms(1));
            defaults.connect_timeout = Some(ms(2));
            defaults.idle_timeout = Some(ms(3));
            defaults.total_timeout = Some(ms(4));
            defaults.max_attempts = Some(5);
            defaults.retry_delay = Some(ms(0));
            defaults.backoff = Some(Backoff::Linear);
            defaults.skip_cache = Some(true);
            defaults.cache_ttl = Some(ms(0));
            defaults.collect_log = Some(false);
            defaults.collect_log_payload = Some(true);
            defaults.byok_alias = Some("backup".into());
            let (input, output) = (1.0, 2.0);
            defaults.custom_cost = Some(CustomCost::PerToken {
                input,
                cached_input: Some(0.5),
                cache_write: Some(3.0),
                output,
            });
        })
        .fallback(chain.with_key("backup"))
        .fallback(FallbackChain::on("*").to_model("x"))
        .route(route.build().unwrap())
        .build()
        .unwrap()
}

#[track_caller]
fn assert_same(read: &GatewaySettings, code: &GatewaySettings) {
    let keys = |settings: &GatewaySettings| {
        let key = |key: &crate::settings::keys::StoredKey| {
            (key.provider.clone(), key.alias.clone(), key.secret.clone(), key.weight)
        };
        settings.keys.iter().map(key).collect::<Vec<_>>()
    };
    let steps = |settings: &GatewaySettings| {
        let chains = settings.fallbacks.iter();
        chains
            .flat_map(|chain| {
                chain
                    .steps
                    .iter()
                    .map(|step| (step.provider.clone(), step.model.clone(), step.alias.clone()))
            })
            .collect::<Vec<_>>()
    };
    let chains = |settings: &GatewaySettings| format!("{:?}", settings.fallbacks);
    let routes = |settings: &GatewaySettings| format!("{:?}", settings.routes);
    assert!(read.tokens == code.tokens);
    assert_eq!(format!("{:?}", read.locks), format!("{:?}", code.locks));
    assert_eq!(keys(read), keys(code));
    assert_eq!(format!("{:?}", read.rules), format!("{:?}", code.rules));
    assert_eq!(read.defaults(), code.defaults());
    assert_eq!(read.timeouts, code.timeouts);
    assert_eq!(read.provider_timeouts, code.provider_timeouts);
    assert_eq!(steps(read), steps(code));
    assert_eq!(chains(read), chains(code));
    assert_eq!(routes(read), routes(code));
    assert_eq!(read.concurrency.gateway, code.concurrency.gateway);
    assert_eq!(read.concurrency.providers, code.concurrency.providers);
    assert_eq!(read.concurrency.credential, code.concurrency.credential);
    assert_eq!(read.requires_credentials, code.requires_credentials);
    assert_eq!(read.client_credentials, code.client_credentials);
    let by_name = |settings: &GatewaySettings| {
        let mut all = settings.provider_client_credentials.clone();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    assert_eq!(by_name(read), by_name(code));
}

#[test]
fn every_setting_is_what_it_is_in_code() {
    let team = ALL.replace("SECTION", "gateways.team");
    let config = read(&format!("[gateways.team]\naccount = \"acct\"\n{team}")).unwrap();
    let settings = config.settings();
    assert_same(settings.get(Some("acct"), "team").unwrap(), &in_code());
    assert!(settings.get(Some("other"), "team").is_none());

    let default = ALL.replace("SECTION", "default");
    let text =
        format!("unknown_gateways = \"serve\"\n[default]\n{default}[gateways.a]\nid = \"b\"");
    let settings = read(&text).unwrap().settings();
    assert_same(settings.get(None, "any").unwrap(), &in_code());
    assert!(!settings.get(Some("any"), "b").unwrap().asks_for_token());
}

#[test]
fn the_other_way_to_say_a_cost_is_read() {
    let of = |cost| {
        let config = read(&format!("[gateways.a]\ndefaults.custom_cost = {cost}")).unwrap();
        config.settings().get(None, "a").unwrap().defaults().unwrap().custom_cost.unwrap()
    };
    assert_eq!(of("{ total_cost = 0.5 }"), CustomCost::Total(0.5));
    let of_output =
        CustomCost::PerToken { input: 0.0, cached_input: None, cache_write: None, output: 1.0 };
    assert_eq!(of("{ per_token_out = 1 }"), of_output);
    let old = of("{ per_token_out = 1, per_token_cached_in = 2 }");
    assert_eq!(old, of("{ per_token_out = 1, per_cache_read_token = 2 }"));
}

#[test]
fn affinity_is_the_gateways_choice() {
    let choice = |line: &str| {
        let config =
            Config::from_toml(&format!("unknown_gateways = \"serve\"\n[default]\n{line}\n"))
                .unwrap();
        config.settings().get(None, "any").unwrap().session_affinity
    };
    assert_eq!(choice(""), None);
    assert_eq!(choice("session_affinity = false"), Some(false));
    assert_eq!(choice("session_affinity = true"), Some(true));
}
