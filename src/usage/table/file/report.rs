//! What was read of a price table.

use std::collections::BTreeMap;
use std::fmt;

use crate::util::macros::named_enum;

/// The result of reading a price table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceReport {
    /// The format of the text.
    pub source: PriceSource,
    /// The number of rows in the table.
    pub imported: usize,
    /// The reasons for skipped rows, each with their number and the name of one of them. Always
    /// empty for your own TOML, where invalid rows are errors.
    pub skipped: BTreeMap<String, (usize, String)>,
}

named_enum! {
/// The format of a price table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PriceSource {
    /// Your own TOML.
    Toml = "TOML",
    /// LiteLLM's `model_prices_and_context_window.json`.
    LiteLlm = "LiteLLM",
    /// `data.json` of Pydantic's genai-prices.
    GenaiPrices = "genai-prices",
}
/// The name, as in `LiteLLM`.
pub fn as_str;
}

/// The number of reasons shown in a line; the most frequent ones come first.
const SHOWN: usize = 12;

impl fmt::Display for PriceReport {
    /// In one line: `LiteLLM, 2800 rows; left out 12: 10 of hours without weekdays (deepseek/x), …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} rows", self.source.as_str(), self.imported)?;
        let skipped: usize = self.skipped.values().map(|(count, _)| count).sum();
        if skipped == 0 {
            return Ok(());
        }
        let mut reasons: Vec<_> = self.skipped.iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        write!(f, "; {skipped} left out")?;
        let mut listed = 0;
        for (at, (reason, (count, example))) in reasons.into_iter().take(SHOWN).enumerate() {
            let between = if at == 0 { ":" } else { "," };
            write!(f, "{between} {count} for {reason} ({example})")?;
            listed += count;
        }
        match skipped - listed {
            0 => Ok(()),
            rest => write!(f, ", {rest} for other reasons"),
        }
    }
}
