//! The built-in price table: list prices of the usual models.
//!
//! The source is named above the rows of each provider. The figures were compared on [`AS_OF`] with
//! two catalogues, LiteLLM 1.110.2 and genai-prices 0.2.3. Prices on which they disagree and
//! retired models are left out. `tests/prices/run.sh` compares them with LiteLLM's catalogue of the
//! day.

mod anthropic;
mod google;
mod grok;
mod openai;
mod others;
mod rows;

use std::sync::{Arc, LazyLock};

use self::rows::{Row, per_million};
use super::{Date, PriceTable};

const AS_OF: Option<Date> = Date::new(2026, 11, 29);

fn table() -> PriceTable {
    let providers: [(&str, &[Row]); 13] = [
        ("grok", grok::ROWS),
        ("openai", openai::ROWS),
        ("anthropic", anthropic::ROWS),
        ("google-ai-studio", google::ROWS),
        ("groq", others::GROQ),
        ("mistral", others::MISTRAL),
        ("deepseek", others::DEEPSEEK),
        ("perplexity-ai", others::PERPLEXITY),
        ("cerebras", others::CEREBRAS),
        ("cohere", others::COHERE),
        ("moonshot", others::MOONSHOT),
        ("fireworks", others::FIREWORKS),
        ("together", others::TOGETHER),
    ];
    let rows = providers.into_iter().flat_map(|(slug, rows)| {
        rows.iter().map(move |(model, tokens, further)| {
            (format!("{slug}/{model}").into(), further(per_million(*tokens)))
        })
    });
    let mut table = PriceTable::of_rows(AS_OF.unwrap_or_default(), rows);
    table.insert_tools(Some("grok"), grok::tools());
    table.insert_tools(Some("openai"), openai::tools());
    table.insert_tools(Some("anthropic"), anthropic::tools());
    table
}

pub(super) static BUILTIN: LazyLock<Arc<PriceTable>> = LazyLock::new(|| Arc::new(table()));

impl PriceTable {
    /// List prices of the built-in providers on the day [`as_of`](Self::as_of).
    #[must_use]
    pub fn builtin() -> Self {
        PriceTable::clone(&BUILTIN)
    }
}

#[cfg(test)]
mod tests {
    use super::rows::million;
    use super::*;

    #[test]
    fn every_figure_is_a_price() {
        let all = [
            grok::ROWS,
            openai::ROWS,
            anthropic::ROWS,
            google::ROWS,
            others::GROQ,
            others::MISTRAL,
            others::DEEPSEEK,
            others::PERPLEXITY,
            others::CEREBRAS,
            others::COHERE,
            others::MOONSHOT,
            others::FIREWORKS,
            others::TOGETHER,
        ];
        let table = table();
        assert_eq!(table.rows().count(), all.iter().map(|rows| rows.len()).sum::<usize>());
        for (model, tokens, further) in all.into_iter().flatten() {
            for usd in tokens.iter().filter(|usd| !usd.is_empty()) {
                assert!(million(usd).is_some(), "{model}: {usd}");
            }
            let price = further(per_million(*tokens));
            let is_priced = price.tokens.is_some()
                || [price.image, price.second, price.character, price.page, price.search_unit]
                    .iter()
                    .any(Option::is_some);
            assert!(is_priced, "{model}");
            for (cheap, dear) in price.tokens.iter().map(|t| (t.cached_input, t.input)) {
                assert!(cheap.is_none_or(|cheap| Some(cheap) <= dear), "{model}");
            }
        }
    }
}
