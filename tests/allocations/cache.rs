//! Allocations of the cache: neither a hit nor a miss copies a response, and requests that do not ask
//! for the cache pay nothing.

use std::fmt::Debug;
use std::time::Duration;

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use super::*;

/// Allocations of a hit, from the call to the end of its body, and their bytes. They do not depend on
/// its length.
const HIT: (u64, u64) = (24, 7_300);
/// Allocations that a miss adds to the same exchange without a cache, and their bytes. A frame below 4
/// KiB is copied once in addition.
const MISS: (u64, u64) = (32, 10_900);

const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
const OTHER: &str = "/v1/acct/gw/grok/v1/chat/completions?other";

/// An answer of `length` bytes of JSON.
fn answers(length: usize) -> Answers {
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(length - 11));
    assert_eq!(text.len(), length);
    Answers(text.into())
}

/// A service with these cache settings.
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

/// Allocations of the second of two exchanges. `expected`: the hits and misses of both.
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
fn a_hit_does_not_copy_its_response() {
    let of = |length| second(cached(), length, [PATH, PATH], (1, 1));
    let (count, bytes) = of(1 << 10);
    println!("a hit: {count} allocations, {bytes} bytes");
    assert!(count <= HIT.0 && bytes <= HIT.1, "{count} {bytes}");
    assert_eq!(of(1 << 20), (count, bytes), "of a long answer");
}

#[test]
fn a_miss_stores_its_response_without_a_copy() {
    for (length, copied) in [(1 << 10, 1 << 10), (1 << 13, 0), (1 << 20, 0)] {
        let plain = second(None, length, [PATH, OTHER], (0, 0));
        let miss = second(cached(), length, [PATH, OTHER], (0, 2));
        let (count, bytes) = (miss.0 - plain.0, miss.1 - plain.1);
        println!("a miss of {length} bytes adds {count} allocations, {bytes} bytes");
        assert!(count <= MISS.0 && bytes <= MISS.1 + copied, "{length}: {count} {bytes}");
    }
}

#[test]
fn a_request_that_does_not_ask_pays_nothing() {
    let of = |cache| second(cache, 1 << 10, [PATH, PATH], (0, 0));
    assert_eq!(of(Some(CacheSettings::on_request())), of(None));
}
