//! Reads price tables in several formats, which are detected from the text.

mod error;
mod genai;
mod litellm;
mod report;
mod rows;
mod toml;

use std::collections::BTreeMap;

pub use self::error::PriceTableError;
pub use self::report::{PriceReport, PriceSource};
use super::{Date, PriceTable};

impl PriceTable {
    /// Reads your own TOML (see [`from_toml`](Self::from_toml)) or a catalogue of LiteLLM or
    /// genai-prices. The format is detected from the text. `as_of` is the date of the prices if the
    /// text has none: usually that of the file.
    ///
    /// Rows of catalogues that this table cannot represent exactly are left out; the report lists
    /// the reasons. Providers get this crate's slugs, and those that are not built in become
    /// `custom-{name}`.
    ///
    /// # Errors
    ///
    /// If the format is unknown, if the TOML is invalid (with line and key), or if no row of a
    /// catalogue can be read.
    #[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
    pub fn read(text: &str, as_of: Date) -> Result<(Self, PriceReport), PriceTableError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = text.trim_start();
        let (table, report) = if start.starts_with('{') {
            litellm::read(text, as_of)?
        } else if start.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{')) {
            genai::read(text, as_of)?
        } else {
            let table = toml::read(text, Some(as_of))?;
            let taken = table.rows().count();
            let report = PriceReport {
                source: PriceSource::Toml,
                imported: taken,
                skipped: BTreeMap::new(),
            };
            (table, report)
        };
        if report.imported == 0 && report.source != PriceSource::Toml {
            let reason = format!("no row can be taken: {report}");
            return Err(PriceTableError::new(text, 0, "", reason));
        }
        Ok((table, report))
    }

    /// Reads your own table in TOML. Prices are decimals in USD: per million tokens or characters;
    /// per thousand pages, search units, requests or tool calls; per image, second, minute or hour.
    /// All of them are optional.
    ///
    /// ```
    /// # use tower_ai_gateway::usage::PriceTable;
    /// let table = PriceTable::from_toml(r#"
    /// as_of = 2026-11-29
    ///
    /// [models]
    /// "openai/gpt-x" = { input = 3, cached_input = 0.3, output = 15, snapshots = true }
    /// "custom-house/llama" = { input = 0.5, output = 1, aliases = ["llama-3"] }
    ///
    /// [models."anthropic/claude-x"]
    /// input = 3
    /// cached_input = 0.3       # "input" where it costs the same
    /// cache_write = 3.75       # for 5 minutes (OpenAI: 30)
    /// long_cache_write = 6     # for an hour (OpenAI: 12)
    /// output = 15              # further: reasoning, audio_input, audio_output, image_input, …
    /// steps = [{ above = 200000, input = 6, cached_input = 0.6, output = 22.5 }]    # or `from`
    /// tiers = { batch = 50, flex = { percent = 50, cached_percent = 100 }, priority = { input = 9, output = 30 } }
    /// regions = { us = 110, "us.api.example.com" = 110 }     # percent
    /// off_peak = { percent = 50, hours = ["00:00-01:00", "10:00-00:00"], days = [1, 2, 3, 4, 5] }
    /// tools = { web_search = 10 }
    ///
    /// [models."openai/gpt-image"]
    /// images = [{ size = "1024x1024", quality = "high", price = 0.167 }]    # or `image` for all
    /// minute = 0.006    # or second, hour; further: characters, citations, pages, search_units, requests
    ///
    /// [[models."google-ai-studio/gemini-x"]]
    /// input = 1
    /// output = 2
    ///
    /// [[models."google-ai-studio/gemini-x"]]    # from that day on
    /// from = 2027-01-01
    /// input = 2
    /// output = 4
    ///
    /// [tools.openai]
    /// web_search = 10    # x_search, code_interpreter, file_search, mcp, document_search, image_generation
    /// "#)?;
    /// assert!(table.get("openai", "gpt-x-2026-10-01").is_some());
    /// # Ok::<(), tower_ai_gateway::usage::PriceTableError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the TOML is invalid, with line and key.
    #[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
    pub fn from_toml(text: &str) -> Result<Self, PriceTableError> {
        toml::read(text, None)
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
