//! What a cache takes: neither a hit nor a miss copies an answer, and who does not ask pays nothing.

use std::fmt::Debug;
use std::time::Duration;

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use super::*;

/// Allocations of a hit, from the call to the end of its body, and their bytes: however long it is.
const HIT: (u64, u64) = (27, 7_600);
/// What a miss adds to the same exchange without a cache; a frame below 4 KiB is copied once, beside it.
const MISS: (u64, u64) = (40, 11_200);

const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
const OTHER: &str = "/v1/acct/gw/grok/v1/chat/completions?other";

/// An answer of so many bytes of JSON.
fn answers(length: usize) -> Answers {
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(length - 11));
    assert_eq!(text.len(), length);
    Answers(text.into())
}

/// A service with these settings for its cache.
fn service(
    control: &ControlLayer,
    cache: Option<CacheSettings>,
    length: usize,
) -> impl Service<Request<Full<Bytes>>, Response = Response<impl Body<Error: Debug>>, Error: Debug> + Clone
{
    let settings = GatewaySettings::builder().authenticated_elsewhere();
    let settings = match cache {
        Some(cache) => settings.cache(cache),
        None => settings,
    };
    let settings = Arc::new(settings.build().unwrap());
    let layer = GatewayLayer::builder().provider(Provider::xai()).settings(settings);
    layer.build().unwrap().client_layer().layer(control.layer(answers(length)))
}

/// What the second of two exchanges allocates, of which so many are hits and so many misses.
fn second(
    cache: Option<CacheSettings>,
    length: usize,
    [before, path]: [&'static str; 2],
    expected: (u64, u64),
) -> (u64, u64) {
    let control = ControlLayer::new();
    let allocated = allocated(&service(&control, cache, length), before, path);
    let stats = control.cache_handle().stats();
    assert_eq!((stats.hits, stats.misses), expected, "{stats:?}");
    assert_eq!(stats.stored, stats.misses);
    (allocated.count_total, allocated.bytes_total)
}

fn cached() -> Option<CacheSettings> {
    Some(CacheSettings::new(Duration::from_secs(60)))
}

#[test]
fn a_hit_copies_nothing_of_its_answer() {
    let of = |length| second(cached(), length, [PATH, PATH], (1, 1));
    let (count, bytes) = of(1 << 10);
    println!("a hit: {count} allocations, {bytes} bytes");
    assert!(count <= HIT.0 && bytes <= HIT.1, "{count} {bytes}");
    assert_eq!(of(1 << 20), (count, bytes), "of a long answer");
}

#[test]
fn a_miss_keeps_its_answer_without_a_copy() {
    for (length, copied) in [(1 << 10, 1 << 10), (1 << 13, 0), (1 << 20, 0)] {
        let plain = second(None, length, [PATH, OTHER], (0, 0));
        let miss = second(cached(), length, [PATH, OTHER], (0, 2));
        let (count, bytes) = (miss.0 - plain.0, miss.1 - plain.1);
        println!("a miss of {length} bytes adds {count} allocations, {bytes} bytes");
        assert!(count <= MISS.0 && bytes <= MISS.1 + copied, "{length}: {count} {bytes}");
    }
}

#[test]
fn who_does_not_ask_pays_nothing() {
    let of = |cache| second(cache, 1 << 10, [PATH, PATH], (0, 0));
    assert_eq!(of(Some(CacheSettings::on_request())), of(None));
}
