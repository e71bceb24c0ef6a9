//! Compares the built-in table with LiteLLM's current catalogue, which `tests/prices/run.sh`
//! fetches. Differences are printed and do not fail the test: prices change.

use std::time::SystemTime;

use super::*;
use crate::usage::tokens::ToolCalls;
use crate::usage::{Pricing, Usage};
use crate::util::operation::Operation;

/// The environment variable with the catalogue's path.
const FILE: &str = "LITELLM_CATALOGUE";

/// Usages of one kind each, to compare prices one by one.
fn probes() -> Vec<(&'static str, Usage)> {
    let of = |set: fn(&mut Usage)| {
        let mut usage =
            Usage { input_uncached: Some(0), output_visible: Some(0), ..Usage::default() };
        set(&mut usage);
        usage
    };
    let media = |set: fn(&mut Usage)| {
        let mut usage = Usage::default();
        set(&mut usage);
        usage
    };
    vec![
        ("input", of(|usage| usage.input_uncached = Some(1000))),
        ("output", of(|usage| usage.output_visible = Some(1000))),
        ("cached input", of(|usage| usage.cache_read = Some(1000))),
        ("cache writes", of(|usage| usage.cache_write = Some(1000))),
        (
            "long cache writes",
            of(|usage| (usage.cache_write, usage.cache_write_long) = (Some(1000), Some(1000))),
        ),
        ("long input", of(|usage| usage.input_uncached = Some(300_000))),
        (
            "long output",
            of(|usage| (usage.cache_read, usage.output_visible) = (Some(300_000), Some(1000))),
        ),
        (
            "audio input",
            of(|usage| (usage.input_uncached, usage.audio_input) = (Some(1000), Some(1000))),
        ),
        (
            "audio output",
            of(|usage| (usage.output_visible, usage.audio_output) = (Some(1000), Some(1000))),
        ),
        (
            "image output",
            of(|usage| (usage.output_visible, usage.image_output) = (Some(1000), Some(1000))),
        ),
        (
            "web search",
            of(|usage| {
                usage.tools = ToolCalls { web_search: Some(1000), ..ToolCalls::default() };
            }),
        ),
        ("images", media(|usage| usage.images = Some(1000))),
        ("seconds", media(|usage| usage.duration_ms = Some(1_000_000))),
        ("characters", media(|usage| usage.characters = Some(1000))),
        ("pages", media(|usage| usage.pages = Some(1000))),
        ("search units", media(|usage| usage.search_units = Some(1000))),
    ]
}

#[test]
fn builtin_rows_are_those_of_the_catalogue() {
    let Some(path) = std::env::var_os(FILE) else {
        println!("SKIPPED: there is no catalogue; tests/prices/run.sh fetches one");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let (catalogue, report) = PriceTable::read(&text, Date::default()).unwrap();
    println!("the catalogue: {report}");
    let builtin = PriceTable::builtin();
    let (mut same, mut different, mut unknown) = (0, 0, Vec::new());
    for (row, _) in builtin.rows() {
        let (provider, model) = row.split_once('/').unwrap();
        if catalogue.get(provider, model).is_none() {
            unknown.push(row);
            continue;
        }
        let tiers = [None, Some("flex"), Some("priority"), Some("batch"), Some("ultrafast")];
        for (name, usage) in probes() {
            for tier in tiers {
                let pricing = Pricing {
                    provider,
                    kind: None,
                    model,
                    asked: None,
                    serves_asked: false,
                    operation: Operation::Chat,
                    path: "",
                    service_tier: tier,
                    host: "",
                    region: None,
                    speed: None,
                    image_size: None,
                    image_quality: None,
                    at: SystemTime::now(),
                    batch: false,
                };
                // A price that one of them lacks is not a difference.
                let of = |table: &PriceTable| table.ticks(&usage, &pricing);
                let (Some(ours), Some(theirs)) = (of(&builtin), of(&catalogue)) else { continue };
                if ours == theirs {
                    same += 1;
                    continue;
                }
                different += 1;
                let tier = tier.unwrap_or("default");
                println!("DIFFERS: {row}, {name}, {tier}: {ours} ticks, there {theirs}");
            }
        }
    }
    println!("{same} prices are the same, {different} differ");
    println!("not in the catalogue, or left out there: {}", unknown.join(", "));
    assert!(same > 0, "nothing was compared");
}
