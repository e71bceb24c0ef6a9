//! Prices of the other providers.

use super::rows::{Row, characters, million, minute, pages, plain, searches, writes};
use crate::usage::price::{Hours, OffPeak, Price, Rate, Tier, TokenPrice};

/// <https://groq.com/pricing>. Transcription is billed for at least ten seconds, which a price
/// cannot express.
pub(super) const GROQ: &[Row] = &[
    ("openai/gpt-oss-120b", ["0.15", "0.075", "0.6"], plain),
    ("openai/gpt-oss-20b", ["0.075", "0.0375", "0.3"], plain),
    ("qwen/qwen3.8-27b", ["0.8", "", "4"], plain),
    ("meta-llama/llama-prompt-guard-2-22m", ["0.03", "", "0.03"], plain),
    ("meta-llama/llama-prompt-guard-2-86m", ["0.04", "", "0.04"], plain),
    ("canopylabs/orpheus-v1-english", ["", "", ""], |price| characters(price, "22")),
    ("canopylabs/orpheus-arabic-saudi", ["", "", ""], |price| characters(price, "40")),
];

/// <https://mistral.ai/pricing>
pub(super) const MISTRAL: &[Row] = &[
    ("mistral-large-4", ["0.7", "0.07", "2.1"], |price| price.alias("mistral-large-4-0")),
    ("mistral-large-2512", ["0.5", "0.05", "1.5"], |price| price.alias("mistral-large-latest")),
    ("mistral-medium-2604", ["1.5", "0.15", "7.5"], |price| {
        price
            .alias("mistral-medium-latest")
            .alias("mistral-medium-3-5")
            .alias("mistral-medium-3.5")
            .alias("mistral-medium-3")
            .alias("mistral-medium")
            .alias("magistral-medium-latest")
    }),
    ("mistral-small-2603", ["0.15", "0.015", "0.6"], |price| {
        price.alias("mistral-small-latest").alias("magistral-small-latest")
    }),
    ("ministral-14b-2512", ["0.2", "0.02", "0.2"], plain),
    ("ministral-8b-2512", ["0.15", "0.015", "0.15"], |price| price.alias("ministral-8b-latest")),
    ("ministral-3b-2512", ["0.1", "0.01", "0.1"], plain),
    ("codestral-2508", ["0.3", "0.03", "0.9"], |price| price.alias("codestral-latest")),
    ("devstral-small-latest", ["0.1", "0.01", "0.3"], plain),
    ("open-mistral-nemo", ["0.3", "0.03", "0.3"], plain),
    ("pixtral-large-latest", ["2", "0.2", "6"], plain),
    ("mistral-embed", ["0.1", "", ""], |price| price.alias("mistral-embed-2312")),
    ("codestral-embed", ["0.15", "", ""], |price| price.alias("codestral-embed-2505")),
    ("voxtral-mini-2602", ["", "", ""], |price| {
        minute(price, "0.003").alias("voxtral-mini-latest")
    }),
    ("mistral-ocr-4", ["", "", ""], |price| {
        pages(price, "4").alias("mistral-ocr-4-1").alias("mistral-ocr-latest")
    }),
    ("mistral-ocr-2512", ["", "", ""], |price| pages(price, "2")),
];

/// <https://api-docs.deepseek.com/quick_start/pricing>, since 2026-08-16: prices of the peak hours.
pub(super) const DEEPSEEK: &[Row] = &[
    // The older name is an alias of this one.
    ("deepseek-flash", ["0.3", "0.006", "1.2"], |price| deepseek(price).alias("deepseek-v4-flash")),
    ("deepseek-v4-pro", ["1.32", "0.044", "3.96"], deepseek),
];

/// <https://docs.perplexity.ai/getting-started/pricing>. Chat has a fee that depends on the request;
/// its responses report their cost.
pub(super) const PERPLEXITY: &[Row] = &[
    ("pplx-embed-v1-0.6b", ["0.004", "", ""], plain),
    ("pplx-embed-v1-4b", ["0.03", "", ""], plain),
];

/// <https://www.cerebras.ai/pricing>
pub(super) const CEREBRAS: &[Row] = &[
    ("gpt-oss-120b", ["0.35", "", "0.75"], plain),
    ("qwen-3.8-27b", ["0.99", "", "1.49"], plain),
    ("gemma-4-31b", ["0.99", "", "1.49"], plain),
];

/// <https://cohere.com/pricing>
pub(super) const COHERE: &[Row] = &[
    ("command-a-03-2025", ["2.5", "", "10"], plain),
    ("command-r-plus-08-2024", ["2.5", "", "10"], plain),
    ("command-r-08-2024", ["0.15", "", "0.6"], plain),
    ("command-r7b-12-2024", ["0.0375", "", "0.15"], plain),
    ("c4ai-aya-expanse-32b", ["0.5", "", "1.5"], plain),
    ("embed-v4.0", ["0.12", "", ""], |price| {
        let image_input = million("0.47");
        let tokens = price.tokens.map(|tokens| TokenPrice { image_input, ..tokens });
        Price { tokens, ..price }
    }),
    ("rerank-v3.5", ["", "", ""], |price| searches(price, "2")),
    ("rerank-english-v3.0", ["", "", ""], |price| searches(price, "2")),
    ("rerank-multilingual-v3.0", ["", "", ""], |price| searches(price, "2")),
];

/// <https://platform.kimi.ai/docs/pricing>
pub(super) const MOONSHOT: &[Row] = &[
    ("kimi-k3.1-pro", ["2", "0.2", "10"], kimi_3),
    ("kimi-k3.1-pro-highspeed", ["4", "0.2", "20"], kimi_3),
    ("kimi-k3", ["3", "0.3", "15"], kimi_3),
    ("kimi-k2.7-code", ["0.95", "0.19", "4"], plain),
    ("kimi-k2.6", ["0.95", "0.16", "4"], plain),
];

/// <https://fireworks.ai/pricing>
pub(super) const FIREWORKS: &[Row] = &[
    ("accounts/fireworks/models/kimi-k3", ["3", "0.3", "15"], |price| {
        price.tier(Tier::percent("priority", 125))
    }),
    ("accounts/fireworks/models/kimi-k2p5", ["0.6", "0.1", "3"], plain),
    ("accounts/fireworks/models/gpt-oss-20b", ["0.07", "0.035", "0.3"], plain),
    ("accounts/fireworks/models/glm-4p7", ["0.6", "0.3", "2.2"], plain),
    ("accounts/fireworks/models/glm-5p1", ["1.4", "0.26", "4.4"], plain),
    ("accounts/fireworks/models/minimax-m2p1", ["0.3", "0.03", "1.2"], plain),
    ("accounts/fireworks/models/deepseek-v3p2", ["0.56", "", "1.68"], plain),
];

/// <https://www.together.ai/pricing>
pub(super) const TOGETHER: &[Row] = &[
    ("moonshotai/Kimi-K3.1-Pro", ["2", "0.2", "10"], plain),
    ("moonshotai/Kimi-K3", ["3", "0.3", "15"], plain),
    ("deepseek-ai/DeepSeek-V4.1-Flash", ["0.3", "0.006", "1.2"], plain),
    ("deepseek-ai/DeepSeek-V4-Pro-0813", ["1.32", "0.13", "3.96"], plain),
    ("zai-org/GLM-5.3", ["1.4", "0.26", "4.4"], plain),
    ("zai-org/GLM-5.3-Flash", ["0.15", "0.03", "0.5"], plain),
    ("zai-org/GLM-5.2", ["1.4", "0.26", "4.4"], plain),
    ("openai/gpt-oss-120b", ["0.15", "", "0.6"], plain),
    ("Qwen/Qwen3.7-Max", ["2.5", "0.5", "7.5"], plain),
    ("Qwen/Qwen3.6-Plus", ["0.5", "", "3"], plain),
    ("meta-models/Muse-Spark-Open-816B-A42B", ["1.25", "0.15", "4.25"], plain),
];

/// Half the price except on weekdays from 01:00 to 04:00 and 06:00 to 10:00 UTC. Cache writes are
/// free.
fn deepseek(price: Price) -> Price {
    let tokens = price.tokens.map(|tokens| TokenPrice { cache_write: Some(Rate::ZERO), ..tokens });
    let spans = [
        (&[1, 2, 3, 4, 5][..], 0, 60),
        (&[1, 2, 3, 4, 5], 4 * 60, 6 * 60),
        (&[1, 2, 3, 4, 5], 10 * 60, 24 * 60),
        (&[6, 7], 0, 24 * 60),
    ];
    let hours = spans.into_iter().filter_map(|(days, from, until)| Hours::new(days, from, until));
    Price { tokens, ..price }.off_peak(OffPeak::new(50, hours.collect()))
}

/// Cache writes cost as much as input, and twice that for an hour.
fn kimi_3(price: Price) -> Price {
    writes(price, 100, 200)
}
