//! OpenAI: <https://developers.openai.com/api/docs/pricing>.

use super::rows::{
    Row, above, audio, batch_half, calls, characters, dated, images, minute, per_million, plain,
    scaled, web_search, writes,
};
use crate::usage::price::{LongContext, Price, Regional, Tier, TokenPrice, ToolPrices};

pub(super) const ROWS: &[Row] = &[
    ("gpt-6.1-sol", ["2", "0.1", "10"], ultrafast),
    ("gpt-6.1-terra", ["1", "0.05", "5"], frontier),
    ("gpt-6-astra", ["10", "1", "50"], ultrafast),
    ("gpt-6-sol", ["2", "0.2", "10"], frontier),
    ("gpt-6-luna", ["0.1", "0.01", "0.5"], frontier),
    ("gpt-5.6-sol", ["4", "0.4", "20"], |price| frontier(price).alias("gpt-5.6")),
    ("gpt-5.6-terra", ["2", "0.2", "12"], frontier),
    ("gpt-5.6-luna", ["0.2", "0.02", "1.2"], frontier),
    ("gpt-5.5", ["5", "0.5", "30"], |price| short_priority(price, 250)),
    ("gpt-5.5-pro", ["30", "", "180"], |price| long(flex(search(price)))),
    ("gpt-5.4", ["2.5", "0.25", "15"], |price| short_priority(price, 200)),
    ("gpt-5.4-pro", ["30", "", "180"], |price| long(flex(search(price)))),
    ("gpt-5.4-mini", ["0.75", "0.075", "4.5"], |price| hosts(five(price, 200))),
    ("gpt-5.4-nano", ["0.2", "0.02", "1.25"], |price| hosts(flex(search(price)))),
    ("gpt-5.3-codex", ["1.75", "0.175", "14"], |price| priority(search(price), 200)),
    ("gpt-5.2", ["1.75", "0.175", "14"], |price| five(price, 200)),
    ("gpt-5.2-pro", ["21", "", "168"], |price| batch_half(search(price))),
    ("gpt-5.1", ["1.25", "0.125", "10"], |price| five(price, 200)),
    ("gpt-5", ["1.25", "0.125", "10"], |price| five(price, 200)),
    ("gpt-5-pro", ["15", "", "120"], |price| batch_half(search(price))),
    ("gpt-5-mini", ["0.25", "0.025", "2"], |price| five(price, 180)),
    ("gpt-5-nano", ["0.05", "0.005", "0.4"], |price| flex(search(price))),
    ("gpt-4.1", ["2", "0.5", "8"], |price| priority(batch_half(dated(price)), 175)),
    ("gpt-4.1-mini", ["0.4", "0.1", "1.6"], |price| priority(batch_half(dated(price)), 175)),
    ("gpt-4o", ["2.5", "1.25", "10"], |price| priority(batch_half(dated(price)), 170)),
    ("gpt-4o-mini", ["0.15", "0.075", "0.6"], |price| {
        batch_half(dated(price)).tier(own("priority", ["0.25", "0.125", "1"]))
    }),
    ("o3", ["2", "0.5", "8"], |price| priority(flex(search(price)), 175)),
    ("o3-pro", ["20", "", "80"], |price| batch_half(search(price))),
    ("gpt-audio", ["2.5", "", "10"], |price| audio(dated(price), "32", "64")),
    ("gpt-audio-1.5", ["2.5", "", "10"], |price| audio(dated(price), "32", "64")),
    ("gpt-audio-mini", ["0.6", "", "2.4"], |price| audio(dated(price), "10", "20")),
    ("gpt-image-2", ["5", "1.25", ""], image_2),
    ("gpt-image-2.5-flare", ["5", "1.25", ""], image_2),
    ("gpt-image-2.5-sunburst", ["5", "1.25", ""], image_2),
    ("gpt-image-1-mini", ["2", "0.2", ""], |price| {
        batch_half(images(dated(price), "2.5", "0.25", "8"))
    }),
    ("gpt-4o-transcribe", ["2.5", "", "10"], |price| audio(dated(price), "2.5", "")),
    ("gpt-4o-mini-transcribe", ["1.25", "", "5"], |price| audio(dated(price), "1.25", "")),
    ("whisper-1", ["", "", ""], |price| minute(price, "0.006")),
    ("tts-1", ["", "", ""], |price| characters(price, "15")),
    ("tts-1-hd", ["", "", ""], |price| characters(price, "30")),
    ("text-embedding-3-large", ["0.13", "", ""], batch_half),
    ("text-embedding-3-small", ["0.02", "", ""], batch_half),
    ("text-embedding-ada-002", ["0.1", "", ""], plain),
];

pub(super) fn tools() -> ToolPrices {
    ToolPrices { file_search: calls("2.50"), ..ToolPrices::default() }
}

/// Adds the price of searches. Older models have higher prices that differ.
fn search(price: Price) -> Price {
    dated(price).tools(web_search("10"))
}

fn flex(price: Price) -> Price {
    batch_half(price).tier(Tier::percent("flex", 50))
}

fn priority(price: Price, percent: u64) -> Price {
    price.tier(Tier::percent("priority", percent))
}

fn five(price: Price, percent: u64) -> Price {
    priority(flex(search(price)), percent)
}

/// Adds the hosts of regions: two have known prices, the others unknown ones.
fn hosts(price: Price) -> Price {
    let known = ["us", "eu"].map(|region| Regional::new(host(region), 110));
    let others = ["ae", "au", "in", "jp"].map(|region| Regional::unknown(host(region)));
    known.into_iter().chain(others).fold(price, Price::regional)
}

fn host(region: &str) -> String {
    format!("{region}.api.openai.com")
}

fn long(price: Price) -> Price {
    hosts(above(price, 272_000, 200, 150))
}

/// Models from 5.6 on. Cache writes last half an hour or twelve hours.
fn frontier(price: Price) -> Price {
    long(five(writes(price, 125, 250), 200))
}

fn ultrafast(price: Price) -> Price {
    frontier(price).tier(Tier::percent("ultrafast", 600))
}

/// Priority does not apply to long prompts.
fn short_priority(price: Price, percent: u64) -> Price {
    let tokens = price.tokens.unwrap_or_default();
    let none = vec![LongContext::above(272_000, TokenPrice::default())];
    let tier = Tier::own("priority", scaled(&tokens, percent, percent), none);
    long(flex(search(price))).tier(tier)
}

fn image_2(price: Price) -> Price {
    batch_half(images(dated(price), "8", "2", "30"))
}

fn own(tier: &str, tokens: [&str; 3]) -> Tier {
    Tier::own(tier, per_million(tokens).tokens.unwrap_or_default(), Vec::new())
}
