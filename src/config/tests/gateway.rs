//! Every setting of a gateway means in a file what it means in code.

use std::time::Duration;

use super::*;
use crate::directives::Backoff;
use crate::directives::locks::{ClientControl, LockedHeaders};
use crate::directives::timeouts::Timeouts;
use crate::settings::route::{DynamicRoute, Field, Node};
use crate::settings::{ClientCredentials, ConcurrencyLimit, FallbackChain, GatewayToken};
use crate::usage::custom_cost::CustomCost;

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
    let secret = |name| Secret::new(env(name).unwrap()).unwrap();
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
