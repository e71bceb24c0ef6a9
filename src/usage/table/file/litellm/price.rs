//! Reads the price of one row.

use serde_json::value::RawValue;

use super::Raw;
use super::key::{Key, token_key};
use super::off_peak::off_peak;
use crate::usage::price::{Price, Rate, Regional, Tier, TokenPrice};
use crate::usage::table::file::rows::{Cells, Reason, decimal, rate, shown};

/// Reads the price in a row.
pub(super) struct Reader<'r, 't> {
    pub(super) row: &'r Raw<'t>,
    /// This crate's slug of the provider.
    pub(super) slug: &'r str,
    pub(super) mode: &'r str,
}

impl Reader<'_, '_> {
    pub(super) fn price(&self) -> Result<Price, Reason> {
        let mut cells = Cells::default();
        let mut price = Price::default();
        for (key, raw) in self.row {
            let raw = raw.get();
            match token_key(key) {
                Some(Key { field, tier, bound }) if decimal(raw).is_some() => {
                    *field(cells.at(tier, self.bound(bound))) = Some(rate(key, raw, 1)?);
                }
                // `null` means unknown, as if the key were missing.
                Some(_) if raw == "null" => {}
                _ => self.other(key, raw, &mut price, &mut cells)?,
            }
        }
        self.seconds(&mut price)?;
        price = cells.put_into(price);
        if is_free(&price) {
            return Err("no price but zero".to_owned());
        }
        if let Some(raw) = self.row.get("off_peak_pricing") {
            price.off_peak = Some(off_peak(raw, &price)?);
        }
        Ok(price)
    }

    /// The smallest prompt above a bound. xAI's prices apply from the bound on.
    fn bound(&self, bound: u64) -> u64 {
        if bound == 0 || self.slug == "grok" { bound } else { bound.saturating_add(1) }
    }

    /// Reads a key of a price that is not per token.
    fn other(
        &self,
        key: &str,
        raw: &str,
        price: &mut Price,
        cells: &mut Cells,
    ) -> Result<(), Reason> {
        match key {
            "input_cost_per_character" if self.mode == "audio_speech" => {
                price.character = Some(rate(key, raw, 1)?);
            }
            "output_cost_per_image" if self.mode == "image_generation" => {
                price.image = Some(rate(key, raw, 1)?);
            }
            "ocr_cost_per_page" => price.page = Some(rate(key, raw, 1)?),
            "input_cost_per_query" if self.mode == "rerank" => {
                price.search_unit = Some(rate(key, raw, 1)?);
            }
            "input_cost_per_request" => price.request = Some(rate(key, raw, 1)?),
            "file_search_cost_per_1k_calls" => {
                price.tools.file_search = Some(rate(key, raw, 1000)?);
            }
            "search_context_cost_per_query" => self.searches(raw, price)?,
            "regional_processing_uplift_multiplier_eu" => self.host("eu", key, raw, price)?,
            "regional_processing_uplift_multiplier_us" => self.host("us", key, raw, price)?,
            "provider_specific_entry" => specifics(raw, price)?,
            "tiered_pricing" => self.tiered(raw, cells)?,
            "off_peak_pricing" => {}
            // Seconds are read together; audio tokens have other keys.
            "input_cost_per_second" | "output_cost_per_second" => {}
            // Tools that usage does not report, storage, other hosts, and figures for reference.
            "google_maps_grounding_cost_per_query"
            | "code_interpreter_cost_per_session"
            | "vector_store_cost_per_gb_per_day"
            | "file_search_cost_per_gb_per_day"
            | "fedramp_uplift_multiplier"
            | "annotation_cost_per_page"
            | "annotation_cost_per_page_batches"
            | "ocr_cost_per_page_batches"
            | "prompt_cache_min_tokens"
            | "input_dbu_cost_per_token"
            | "output_dbu_cost_per_token" => {}
            // The same price under another name.
            "input_cost_per_token_cache_hit" => {
                self.is_same(key, raw, &["cache_read_input_token_cost"])?;
            }
            "input_cost_per_video_token" => {
                self.is_same(key, raw, &["input_cost_per_token"])?;
            }
            "cache_creation_input_audio_token_cost" => {
                self.is_same(key, raw, &["cache_creation_input_token_cost"])?;
            }
            _ if is_of_money(key) && !is_nothing(raw) => {
                return Err(format!("`{}`", shown(key)));
            }
            _ => {}
        }
        Ok(())
    }

    fn is_same(&self, key: &str, raw: &str, others: &[&str]) -> Result<(), Reason> {
        let own = rate(key, raw, 1)?;
        let is_other = |other: &&str| {
            let other = self.row.get(*other).map(|raw| raw.get());
            other.is_some_and(|raw| rate(key, raw, 1) == Ok(own))
        };
        let is_same = others.iter().any(is_other) || own == Rate::ZERO;
        if is_same { Ok(()) } else { Err(format!("`{}`", shown(key))) }
    }

    /// Reads prices per second. Input and output are the same seconds, so only one of them counts.
    fn seconds(&self, price: &mut Price) -> Result<(), Reason> {
        let of = |key: &str| {
            let raw = self.row.get(key).map(|raw| raw.get()).filter(|raw| !is_nothing(raw));
            raw.map(|raw| rate(key, raw, 1)).transpose()
        };
        let (input, output) = (of("input_cost_per_second")?, of("output_cost_per_second")?);
        let second = match (self.mode, input, output) {
            (_, None, None) => return Ok(()),
            // An estimate in addition to the price per token or character.
            ("audio_speech", None, Some(_)) => return Ok(()),
            ("audio_transcription" | "video_generation", Some(second), None)
            | ("audio_transcription" | "video_generation", None, Some(second)) => second,
            ("audio_transcription", Some(input), Some(output)) if input == output => input,
            _ => return Err("prices per second of input and output".to_owned()),
        };
        if self.slug == "groq" {
            return Err("a least time that is billed".to_owned());
        }
        price.second = Some(second);
        Ok(())
    }

    /// Reads prices of web searches at three depths. If they differ, the price depends on the
    /// request.
    fn searches(&self, raw: &str, price: &mut Price) -> Result<(), Reason> {
        let depths: Raw<'_> =
            serde_json::from_str(raw).map_err(|_| "prices of searches".to_owned())?;
        let mut rates = depths.values().map(|raw| rate("search", raw.get(), 1));
        let first = rates.next().transpose()?;
        let is_one = rates.all(|rate| rate.ok() == first);
        if self.slug == "perplexity-ai" {
            return Err("a fee for each request that depends on its search".to_owned());
        }
        // Some searches are free each day, which is not tracked here. Older models of Gemini bill per
        // answer, and newer ones per query.
        let is_gemini = self.slug.starts_with("google-") && !self.is_of("anthropic");
        let is_known = is_one && !is_gemini && !self.row.contains_key("search_free_requests");
        price.tools.web_search = first.filter(|_| is_known);
        Ok(())
    }

    /// Returns true if the catalogue's name of the provider has this word.
    fn is_of(&self, word: &str) -> bool {
        self.row.get("litellm_provider").is_some_and(|raw| raw.get().contains(word))
    }

    fn host(&self, region: &str, key: &str, raw: &str, price: &mut Price) -> Result<(), Reason> {
        if self.slug != "openai" {
            return Err(format!("`{}`", shown(key)));
        }
        let percent = percent(raw).ok_or_else(|| format!("`{}` is no factor", shown(key)))?;
        price.regional.push(Regional::new(format!("{region}.api.openai.com"), percent));
        Ok(())
    }

    fn tiered(&self, raw: &str, cells: &mut Cells) -> Result<(), Reason> {
        let wrong = || "`tiered_pricing`".to_owned();
        let steps: Vec<Raw<'_>> = serde_json::from_str(raw).map_err(|_| wrong())?;
        for step in &steps {
            let range = step.get("range").ok_or_else(wrong)?.get();
            let range: Vec<&RawValue> = serde_json::from_str(range).map_err(|_| wrong())?;
            let from = range.first().and_then(|from| whole(from.get())).ok_or_else(wrong)?;
            for (key, raw) in step {
                match token_key(key) {
                    Some(Key { field, tier, bound: 0 }) => {
                        *field(cells.at(tier, self.bound(from))) = Some(rate(key, raw.get(), 1)?);
                    }
                    _ if *key == "range" => {}
                    _ => return Err(format!("`tiered_pricing.{}`", shown(key))),
                }
            }
        }
        // There is no price below the first bound.
        match cells.bounds(None).first() {
            Some(0) => Ok(()),
            _ => Err(wrong()),
        }
    }
}

fn is_of_money(key: &str) -> bool {
    ["cost", "pricing", "price", "uplift", "fee"].iter().any(|word| key.contains(word))
}

/// Returns true if the price is zero or missing.
fn is_nothing(raw: &str) -> bool {
    raw == "null" || rate("", raw, 1) == Ok(Rate::ZERO)
}

fn is_free(price: &Price) -> bool {
    let is_zero = |rate: Option<Rate>| rate.is_none_or(|rate| rate == Rate::ZERO);
    let tokens = price.tokens.unwrap_or_default();
    let TokenPrice { input, output, audio_input, audio_output, image_output, .. } = tokens;
    let units = [price.image, price.second, price.character, price.page, price.search_unit];
    [input, output, audio_input, audio_output, image_output, price.request]
        .into_iter()
        .chain(units)
        .all(is_zero)
}

/// Reads the factors of regions and of the speed `fast` of Messages, as in `{"us": 1.1, "fast":
/// 2}`. Other names are ignored.
fn specifics(raw: &str, price: &mut Price) -> Result<(), Reason> {
    let Ok(entries) = serde_json::from_str::<Raw<'_>>(raw) else { return Ok(()) };
    for (name, raw) in &entries {
        match (&**name, percent(raw.get())) {
            ("us" | "eu", Some(percent)) => price.regional.push(Regional::new(&**name, percent)),
            ("fast", Some(percent)) => price.tiers.push(Tier::percent("fast", percent)),
            ("us" | "eu" | "fast", None) => {
                return Err(format!("`provider_specific_entry.{name}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A factor such as 1.1 in percent.
fn percent(raw: &str) -> Option<u64> {
    let rate = Rate::usd(decimal(raw)?, 1)?;
    let hundredth = Rate::usd("0.01", 1)?.parts();
    rate.parts().is_multiple_of(hundredth).then(|| rate.parts() / hundredth)
}

/// `32000` or `32000.0`
fn whole(raw: &str) -> Option<u64> {
    let digits = raw.split_once('.').map_or(raw, |(whole, fraction)| {
        if fraction.bytes().all(|byte| byte == b'0') { whole } else { raw }
    });
    digits.parse().ok()
}
