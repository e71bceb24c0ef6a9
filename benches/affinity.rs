//! The share of prompt tokens that a provider with one cache per key serves from its cache: with
//! session affinity, and with keys chosen by load.
//!
//! `cargo bench --bench affinity --features control`. The provider is in memory. All figures are the
//! same in each run, except those of keys chosen by load.
#![allow(missing_docs, clippy::unwrap_used)]

mod prompt_cache;

use prompt_cache::{Naming, PromptCaches, converse};

const CONVERSATIONS: usize = 64;
const TURNS: usize = 12;

fn main() {
    // `cargo test --benches` only checks that it runs.
    let (conversations, turns) = match std::env::args().any(|argument| argument == "--bench") {
        true => (CONVERSATIONS, TURNS),
        false => (4, 2),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |keys, naming| runtime.block_on(converse(conversations, turns, keys, naming));
    println!("{conversations} conversations of {turns} turns; a prompt cache for each key\n");
    println!("{:<44}{:>14}{:>14}{:>8}  requests by key", "", "prompt tokens", "cached", "share");
    for (name, keys, naming) in [
        ("1 key", [1, 1], Naming::Header),
        ("4 keys, by load", [4, 4], Naming::SwitchedOff),
        ("4 keys, affinity by cf-aig-session-id", [4, 4], Naming::Header),
        ("4 keys, affinity by prompt_cache_key", [4, 4], Naming::PromptCacheKey),
        ("4 keys, then 5, by load", [4, 5], Naming::SwitchedOff),
        ("4 keys, then 5, affinity", [4, 5], Naming::Header),
    ] {
        let PromptCaches { tokens, requests, .. } = run(keys, naming);
        let mut requests: Vec<_> = requests.into_iter().collect();
        requests.sort();
        let requests: Vec<_> = requests.into_iter().map(|(_, count)| count.to_string()).collect();
        println!(
            "{name:<44}{:>14}{:>14}{:>7.1}%  {}",
            tokens.input,
            tokens.cached,
            tokens.share() * 100.0,
            requests.join(" ")
        );
    }
}
