//! Settings of the cache.

use std::time::Duration;

use super::*;
use crate::settings::cache::{CacheRule, CacheSettings, ReplayPace};

const HOUR: Duration = Duration::from_secs(3600);

fn cache(text: &str) -> Result<String, String> {
    let config = read(&format!("[gateways.team]\n{text}")).map_err(|error| error.to_string())?;
    let table = config.settings();
    let settings = table.get(None, "team").unwrap();
    Ok(format!("{:?}", settings.cache))
}

fn shown(cache: CacheSettings) -> String {
    let settings = GatewaySettings::builder().cache(cache).build().unwrap();
    format!("{:?}", settings.cache)
}

#[test]
fn a_section_of_the_file_is_what_the_builder_makes() {
    assert_eq!(cache(""), Ok("None".into()));
    for (text, same) in [
        ("", CacheSettings::on_request()),
        ("ttl_seconds = 3_600\nshared = false", CacheSettings::new(HOUR)),
        (
            "ttl_seconds = 3600\nshared = true\nstale_if_error_seconds = 60\npace = \"recorded\"",
            CacheSettings::new(HOUR)
                .shared()
                .stale_if_error(Duration::from_secs(60))
                .pace(ReplayPace::Recorded),
        ),
        (
            "stale_if_error_seconds = 0\npace = \"at_once\"\n\
             [[gateways.team.cache.rule]]\nttl_seconds = 0\nmodels = [\"*-Preview\", \"a\"]\n\
             [[gateways.team.cache.rule]]\nttl_seconds = 3600\npaths = [\"embeddings\"]\n\
             max_request_bytes = 1\nmax_response_bytes = 26_214_400\nstatuses = [200, 201]",
            CacheSettings::on_request()
                .rule(CacheRule::never().only_models(["*-preview", "a"]))
                .rule(
                    CacheRule::keep(HOUR)
                        .only_paths(["embeddings"])
                        .max_request_bytes(1)
                        .max_response_bytes(25 << 20)
                        .statuses([200, 201]),
                ),
        ),
    ] {
        let text = format!("[gateways.team.cache]\n{text}");
        assert_eq!(cache(&text), Ok(shown(same)), "{text}");
    }
}

#[test]
fn mistakes_are_named_with_their_line_and_key() {
    for (text, words) in [
        ("ttl_seconds = 59", "line 3, gateways.team.cache.ttl_seconds: it must be a whole number"),
        ("ttl_seconds = 2_592_001", "line 3, gateways.team.cache.ttl_seconds: "),
        ("ttl_seconds = 0", "line 3, gateways.team.cache.ttl_seconds: "),
        ("stale_if_error_seconds = -1", "line 3, gateways.team.cache.stale_if_error_seconds: "),
        ("shared = 1", "line 3, gateways.team.cache.shared: "),
        ("pace = \"slow\"", "line 3, gateways.team.cache.pace: it must be \"at_once\" or"),
        ("nonsense = 1", "line 3, gateways.team.cache.nonsense: "),
    ] {
        let error = cache(&format!("[gateways.team.cache]\n{text}")).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    for (text, words) in [
        ("paths = [\"a\"]", "it needs `ttl_seconds`"),
        ("ttl_seconds = 59", "line 4, gateways.team.cache.rule[0].ttl_seconds: it must be seconds"),
        (
            "ttl_seconds = 60\nmodels = [\"a\", \"\"]",
            "line 5, gateways.team.cache.rule[0].models[1]: ",
        ),
        ("ttl_seconds = 60\nstatuses = [404]", "line 5, gateways.team.cache.rule[0].statuses: "),
        ("ttl_seconds = 60\nmax_request_bytes = 26_214_401", "rule[0].max_request_bytes: "),
        ("ttl_seconds = 60\nmax_response_bytes = 0", "rule[0].max_response_bytes: "),
        ("ttl_seconds = 0\nstatuses = [200]", "rule[0]: a cache rule that never keeps must be"),
    ] {
        let text = format!("[gateways.team.cache]\n[[gateways.team.cache.rule]]\n{text}");
        let error = cache(&text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    let many = "[[gateways.team.cache.rule]]\nttl_seconds = 0\n".repeat(65);
    let error = cache(&many).unwrap_err();
    assert!(error.contains("gateways.team.cache: the rules of a cache must be 64"), "{error}");
}

#[test]
fn the_store_for_answers_is_read() {
    let one = read("[cache]\nmemory_bytes = 1_048_576").unwrap();
    let same = |text: &str| one.has_same_cache_store(&read(text).unwrap());
    assert!(same("[cache]\nmemory_bytes = 1048576\n[gateways.team.cache]\nttl_seconds = 60"));
    assert!(!same("[cache]") && !same("") && !same("[cache]\nmemory_bytes = 1048577"));
    let _ = one.control_layer();
    for (text, words) in [
        ("memory_bytes = 1", "line 2, cache.memory_bytes: it must be a whole number of bytes from"),
        ("prefix = \"a\"", "line 2, cache.prefix: it is only for `redis` and `redis_cluster`"),
        ("deadline_ms = 5", "line 1, cache: `deadline_ms`: it is only for `redis`"),
        ("redis = {}", "line 2, cache.redis: a URL of Redis must have either `env` or `file`"),
        ("redis_cluster = []", "line 1, cache: a cluster needs at least one node"),
        ("redis = \"redis://LEAK@127.0.0.1\"", "line 2, cache.redis: "),
        ("redis = { env = \"HAS_URL\" }\nredis_cluster = []", "it must have either"),
        (
            "redis = { env = \"HAS_URL\" }\nmemory_bytes = 1048576",
            "line 1, cache: `memory_bytes` is",
        ),
        ("nonsense = 1", "line 2, cache.nonsense: "),
    ] {
        let error = read(&format!("[cache]\n{text}")).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("LEAK"), "{text}: {error}");
    }
}

/// A URL of Redis may contain a password.
#[cfg(feature = "redis")]
#[test]
fn a_redis_for_answers_is_read_and_not_shown() {
    let one = read("[cache]\nredis = { env = \"HAS_URL\" }\nprefix = \"p\"").unwrap();
    let shown = format!("{one:?} {:?}", one.control_layer());
    assert!(!shown.contains("LEAK"), "{shown}");
    let same = |text: &str| one.has_same_cache_store(&read(&format!("[cache]\n{text}")).unwrap());
    assert!(same("redis = { env = \"HAS_URL\" }\nprefix = \"p\""));
    assert!(!same("redis = { env = \"HAS_URL\" }"));
    assert!(!same("redis = { env = \"HAS_URL\" }\nprefix = \"p\"\ndeadline_ms = 20"));
    assert!(!same("redis_cluster = [{ env = \"HAS_URL\" }]\nprefix = \"p\""));
}
