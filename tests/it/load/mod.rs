//! Load balancing among the base URLs and keys of a provider: by weight, away from unhealthy ones,
//! and with the right keys.

mod base_urls;
mod cooling;
mod foreign_keys;
mod pricing;
mod probing;
mod weights;

use std::collections::BTreeMap;

use crate::support::scripted::Call;

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";

/// Counts occurrences.
fn counts(sent: &[Call], what: impl Fn(&Call) -> String) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for sent in sent {
        *counts.entry(what(sent)).or_default() += 1;
    }
    counts
}

fn key(sent: &Call) -> String {
    sent.key().unwrap_or("none").to_owned()
}

#[track_caller]
fn assert_shares(counts: &BTreeMap<String, usize>, expected: &[(&str, f64)]) {
    let all: usize = counts.values().sum();
    assert_eq!(counts.len(), expected.len(), "{counts:?}");
    for (what, share) in expected {
        let found = counts[*what] as f64 / all as f64;
        assert!((found - share).abs() <= 0.02 * share, "{what}: {counts:?}");
    }
}
