//! Each kind of error, with its line and key.

mod providers;

use super::*;

/// The error for settings of a gateway `team`. Their first line is the file's second.
pub(super) fn of_gateway(text: &str) -> String {
    let error = read(&format!("[gateways.team]\nauthenticated_elsewhere = true\n{text}"));
    error.unwrap_err().to_string()
}

pub(super) fn of_file(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[track_caller]
pub(super) fn says(said: &str, start: &str, part: &str) {
    assert!(said.starts_with(start) && said.contains(part), "{said}");
}

#[test]
fn unknown_settings_are_refused_everywhere() {
    let at_the_top = of_file("\nunknown_gateway = \"serve\"\n");
    assert_eq!(
        at_the_top,
        "line 2, unknown_gateway: there is no setting of this name in this section"
    );
    for (text, place) in [
        ("timeout = 1", "line 3, gateways.team.timeout: "),
        ("\ntokens = [{ sha = \"\" }]", "line 4, gateways.team.tokens[0].sha: "),
        (
            "[[gateways.team.keys]]\nprovider = \"grok\"\nnam = 1",
            "line 5, gateways.team.keys.grok.nam: ",
        ),
        ("[gateways.team.timeouts]\nconnect = 1", "line 4, gateways.team.timeouts.connect: "),
        (
            "[gateways.team.provider_timeouts.grok]\nhead = 1",
            "line 4, gateways.team.provider_timeouts.grok.head: ",
        ),
        ("defaults = { attempts = 1 }", "line 3, gateways.team.defaults.attempts: "),
        (
            "defaults.custom_cost = { total_cost = 1, currency = \"EUR\" }",
            "line 3, gateways.team.defaults.custom_cost.currency: ",
        ),
        ("concurrency.limits = 1", "line 3, gateways.team.concurrency.limits: "),
        (
            "concurrency.per_provider = { limit = 1, per = 1 }",
            "line 3, gateways.team.concurrency.per_provider.per: ",
        ),
        (
            "concurrency.providers.grok = { limit = 1, per = 1 }",
            "line 3, gateways.team.concurrency.providers.grok.per: ",
        ),
        (
            "[[gateways.team.fallback]]\nmodels = \"*\"\nsteps = [{ model = \"a\" }]\nstep = 1",
            "line 6, gateways.team.fallback[0].step: ",
        ),
        (
            "fallback = [{ models = \"*\", steps = [{ mode = 1, model = \"a\" }] }]",
            "line 3, gateways.team.fallback[0].steps[0].mode: ",
        ),
    ] {
        says(&of_gateway(text), place, "there is no setting of this name");
    }
    says(&of_file("[providers.grok]\nurl = 1"), "line 2, providers.grok.url: ", "no setting");
    says(
        &of_file("[providers.grok]\n\nfurther_base_urls = [{ base_url = \"http://a\", url = 1 }]"),
        "line 3, providers.grok.further_base_urls[0].url: ",
        "no setting",
    );
    says(
        &of_file("unknown_gateways = \"serve\"\n[default]\naccount = \"a\""),
        "line 3, default.account: ",
        "no setting",
    );
    says(
        &of_gateway("[[gateways.team.routes]]\nname = \"r\"\nbegin = \"a\""),
        "line 5, gateways.team.routes.r: ",
        "unknown field `begin`, expected one of `name`",
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let said = of_file("[gateways.team]\n\naccount = acct\n");
    says(&said, "line 3: ", "string values must be quoted");
    says(&of_file("[a]\n[a]"), "line 2: ", "duplicate key");
    says(&of_file("a = 1\nb"), "line 2: ", "");
}

#[test]
fn values_have_types_forms_and_ranges() {
    for (text, start, must_be) in [
        ("account = 1", "account: ", "a string"),
        ("account = \"a/b\"", "account: ", "1 to 64 of A-Z a-z 0-9"),
        ("id = \"\"", "id: ", "1 to 64 of A-Z a-z 0-9"),
        ("require_credentials = \"true\"", "require_credentials: ", "true or false"),
        ("allow_models = \"grok\"", "allow_models: ", "a list"),
        ("allow_models = [\"a\", \"\"]", "allow_models[1]: ", "1 to 256 bytes"),
        ("deny_models = [1]", "deny_models[0]: ", "a string"),
        ("timeouts = 5", "timeouts: ", "a table"),
        ("timeouts = [1]", "timeouts: ", "a table"),
        ("fallback = [[\"*\"]]", "fallback[0]: ", "a table"),
        ("keys = [[\"grok\"]]", "keys[0]: ", "a table"),
        ("timeouts.head_ms = 0", "timeouts.head_ms: ", "from 1 to 3600000"),
        ("timeouts.total_ms = 3_600_001", "timeouts.total_ms: ", "from 1 to 3600000"),
        ("timeouts.idle_ms = 1.5", "timeouts.idle_ms: ", "a whole number"),
        ("timeouts.connect_ms = -1", "timeouts.connect_ms: ", "a whole number"),
        ("defaults.request_timeout_ms = 0", "defaults.request_timeout_ms: ", "from 1 to 3600000"),
        ("defaults.max_attempts = 6", "defaults.max_attempts: ", "from 1 to 5"),
        ("defaults.retry_delay_ms = 5001", "defaults.retry_delay_ms: ", "from 0 to 5000"),
        ("defaults.backoff = \"none\"", "defaults.backoff: ", "constant, linear or exponential"),
        ("defaults.cache_ttl = 59", "defaults.cache_ttl: ", "from 60 to 2592000, or 0"),
        ("defaults.skip_cache = 1", "defaults.skip_cache: ", "true or false"),
        ("defaults.cache_key = \"k\"", "defaults.cache_key: ", "belongs to one request"),
        ("defaults.metadata = { a = [] }", "defaults.metadata.a: ", "a string, a number or a bool"),
        ("defaults.metadata = { \"cf.a\" = 1 }", "defaults.metadata.cf.a: ", "none beginning"),
        (
            "defaults.metadata = { a = 1, b = 1, c = 1, d = 1, e = 1, f = 1 }",
            "defaults.metadata.f: ",
            "up to five",
        ),
        ("defaults.custom_cost = { total_cost = -1 }", "defaults.custom_cost.total_cost: ", "USD"),
        ("defaults.custom_cost = { total_cost = inf }", "defaults.custom_cost.total_cost: ", "USD"),
        (
            "defaults.custom_cost = { total_cost = 1, per_token_in = 1 }",
            "defaults.custom_cost: ",
            "{ total_cost }, or",
        ),
        ("client_controls = \"cache\"", "client_controls: ", "a list"),
        ("client_controls = [\"retry\", \"cost\"]", "client_controls[1]: ", "one of cache, retry,"),
        ("client_controls = [\"zdr\"]", "client_controls[0]: ", "always use it"),
        ("locked_headers = \"warn\"", "locked_headers: ", "\"ignore\" or \"refuse\""),
        ("metadata = { a = [] }", "metadata.a: ", "a string, a number or a bool"),
        ("metadata = { \"cf.a\" = 1 }", "metadata.cf.a: ", "none beginning"),
        ("reserved_metadata = [\"a\", \"\"]", "reserved_metadata[1]: ", "none empty"),
        ("concurrency.limit = 0", "concurrency.limit: ", "from 1"),
        ("concurrency.wait_ms = 5", "concurrency: ", "it needs `limit`"),
        ("concurrency.per_credential = {}", "concurrency.per_credential: ", "it needs `limit`"),
        ("tokens = [{ sha256 = \"ab\" }]", "tokens[0].sha256: ", "64 hexadecimal digits"),
        ("tokens = [{}]", "tokens[0]: ", "one of `sha256`, `env` and `file`"),
        ("keys = [{ env = \"HAS_A\" }]", "keys[0]: ", "it needs `provider`"),
        ("keys = [{ provider = \"grok\" }]", "keys.grok: ", "either `env` or `file`"),
        (
            "keys = [{ provider = \"grok\", env = \"A\", file = \"b\" }]",
            "keys.grok.file: ",
            "not both",
        ),
        (
            "keys = [{ provider = \"grok\", env = \"HAS_A\", alias = \"a b\" }]",
            "keys.grok.alias: ",
            "1 to 64 of A-Z",
        ),
        (
            "keys = [{ provider = \"grok\", env = \"HAS_A\", weight = 0 }]",
            "keys.grok.weight: ",
            "from 1",
        ),
        ("fallback = [{ steps = [] }]", "fallback[0]: ", "it needs `models`"),
        ("fallback = [{ models = \"*\" }]", "fallback[0]: ", "it needs `steps`"),
        ("fallback = [{ models = \"\" }]", "fallback[0].models: ", "1 to 256 bytes"),
        (
            "fallback = [{ models = \"*\", steps = [{}] }]",
            "fallback[0].steps[0]: ",
            "`model`, `provider` or both",
        ),
    ] {
        says(&of_gateway(text), &format!("line 3, gateways.team.{start}"), must_be);
    }
    says(&of_file("unknown_gateways = \"maybe\""), "line 1, unknown_gateways: ", "`serve` or");
    says(&of_file("\n[gateways.\"a b\"]"), "line 2, gateways.a b: ", "1 to 64");
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    says(&of_file("\n[default]"), "line 2, default: ", "unknown_gateways = \"serve\"");
    let keys = "\n[gateways.team]\n[[gateways.team.keys]]\nprovider = \"grok\"\nenv = \"HAS_A\"";
    says(&of_file(keys), "line 2, gateways.team: ", "needs a token");
    let twice = "[gateways.a]\nid = \"b\"\n[gateways.b]";
    says(&of_file(twice), "line 3, gateways.b: ", "same id");
    assert!(read("[gateways.a]\nid = \"b\"\naccount = \"x\"\n[gateways.b]").is_ok());
    let key = |rest| format!("[[gateways.team.keys]]\nprovider = \"{rest}\nenv = \"HAS_A\"\n");
    let twice = key("grok\"") + &key("xai\"");
    says(&of_gateway(&twice), "line 6, gateways.team.keys.xai: ", "another key of this alias");
    let weighted = key("grok\"\nweight = 1") + &key("xai\"\nweight = 2");
    let gateway = "[gateways.team]\nauthenticated_elsewhere = true\n";
    assert!(read(&format!("{gateway}{weighted}")).is_ok());
}

#[cfg(not(feature = "control"))]
#[test]
fn what_needs_another_feature_is_refused_without_it() {
    for section in ["health", "retry"] {
        let said = of_file(&format!("\n[{section}]"));
        says(&said, &format!("line 2, {section}: "), "needs the feature `control`");
    }
}

#[test]
fn tokens_that_people_try_first_are_refused_however_they_are_given() {
    use crate::settings::digest;
    let hex = |word: &str| -> String {
        digest(word.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    for word in ["", "x", "example", "example-token", "test", "secret", "changeme"] {
        let text = format!("[gateways.team]\ntokens = [{{ sha256 = \"{}\" }}]", hex(word));
        assert_eq!(read(&text).unwrap_err().kind(), Kind::WeakToken, "{word}");
    }
    let text = format!("[gateways.team]\ntokens = [{{ sha256 = \"{}\" }}]", hex("a-token-of-ours"));
    assert!(read(&text).is_ok());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    for (token, is_good) in [("1234567", false), ("changeme", false), ("a-token-of-ours", true)] {
        std::fs::write(&path, token).unwrap();
        let text = format!("[gateways.team]\ntokens = [{{ file = \"{}\" }}]", path.display());
        let kind = read(&text).map_err(|error| error.kind()).err();
        assert_eq!(kind, (!is_good).then_some(Kind::WeakToken), "{token}");
    }
}
