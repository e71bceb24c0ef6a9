//! Google AI Studio: <https://ai.google.dev/gemini-api/docs/pricing>. A daily number of searches is
//! free, which is not tracked here, so their price is unknown. Batch and flex are included only if the
//! sources agree on the price of cached tokens.

use super::rows::{Row, above, audio, dated, images, million, per_million, plain};
use crate::usage::price::{Price, Tier, TokenPrice};
use crate::usage::table::Date;

pub(super) const ROWS: &[Row] = &[
    ("gemini-4-argon", ["2", "0.1", "10"], |price| later(price, 12, 2026, ["4", "0.2", "20"])),
    ("gemini-3.8-flash", ["0.75", "0.075", "3.75"], flash_3),
    ("gemini-3.7-flash", ["0.75", "0.075", "3.75"], flash_3),
    ("gemini-3.6-flash", ["0.75", "0.075", "3.75"], flash_3),
    ("gemini-3.5-flash", ["1.5", "0.15", "9"], |price| audio(priority(dated(price)), "1.5", "")),
    ("gemini-3-flash-preview", ["0.5", "0.05", "3"], |price| flash(price, "1", "0.1")),
    ("gemini-3.1-flash-lite", ["0.25", "0.025", "1.5"], |price| {
        cached_audio(audio(priority(dated(price)), "0.5", ""), "0.05")
    }),
    ("gemini-3.1-pro-preview", ["2", "0.2", "12"], pro),
    ("gemini-2.5-pro", ["1.25", "0.125", "10"], pro),
    ("gemini-2.5-flash", ["0.3", "0.03", "2.5"], |price| flash(price, "1", "0.1")),
    ("gemini-2.5-flash-lite", ["0.1", "0.01", "0.4"], |price| flash(price, "0.3", "0.03")),
    ("gemini-2.5-flash-image", ["0.3", "", "2.5"], |price| images(dated(price), "", "", "30")),
    ("gemini-3-pro-image", ["2", "", "12"], |price| images(dated(price), "", "", "120")),
    ("gemini-3.1-flash-image", ["0.5", "", "3"], |price| images(dated(price), "", "", "60")),
    ("gemini-embedding-001", ["0.15", "", ""], plain),
];

fn priority(price: Price) -> Price {
    price.tier(Tier::percent("priority", 180))
}

/// Flex and batch do not reduce the price of tokens from the cache.
fn tiers(price: Price) -> Price {
    priority(price)
        .tier(Tier::percent("flex", 50).cached_percent(100))
        .tier(Tier::percent("batch", 50).cached_percent(100))
}

fn pro(price: Price) -> Price {
    above(tiers(dated(price)), 200_000, 200, 150)
}

fn flash(price: Price, input: &str, cached: &str) -> Price {
    cached_audio(audio(tiers(dated(price)), input, ""), cached)
}

fn cached_audio(price: Price, usd: &str) -> Price {
    let cached_audio_input = million(usd);
    let tokens = price.tokens.map(|tokens| TokenPrice { cached_audio_input, ..tokens });
    Price { tokens, ..price }
}

/// The price doubles in 2027.
fn flash_3(price: Price) -> Price {
    later(price, 1, 2027, ["1.5", "0.15", "7.5"])
}

/// Adds a price that applies from the first day of a month on.
fn later(price: Price, month: u8, year: u16, tokens: [&str; 3]) -> Price {
    let from = Date::new(year, month, 1).unwrap_or_default();
    priority(dated(price)).from_day(from, priority(per_million(tokens)))
}
