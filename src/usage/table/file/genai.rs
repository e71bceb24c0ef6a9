//! Reads `data.json` of Pydantic's genai-prices: a list of providers, each with its models, and
//! prices in USD per million tokens.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{Date, PriceTable};
use super::rows::{Cells, Field, Reason, Rows, rate, shown};
use super::{PriceReport, PriceSource, PriceTableError};
use crate::usage::price::Price;

const MILLION: u64 = 1_000_000;
const THOUSAND: u64 = 1000;

#[derive(Deserialize)]
struct Provider<'t> {
    id: String,
    #[serde(borrow)]
    models: Vec<Model<'t>>,
}

#[derive(Deserialize)]
struct Model<'t> {
    id: String,
    #[serde(rename = "match")]
    clause: serde_json::Value,
    #[serde(borrow)]
    prices: &'t RawValue,
    #[serde(borrow, default)]
    price_variants: Option<Vec<Variant<'t>>>,
}

/// A price that replaces others under a condition.
#[derive(Deserialize)]
struct Variant<'t> {
    when: BTreeMap<String, serde_json::Value>,
    #[serde(borrow)]
    prices: Prices<'t>,
    #[serde(default)]
    constraint: Option<Constraint>,
}

#[derive(Deserialize)]
struct Conditional<'t> {
    #[serde(borrow)]
    prices: Prices<'t>,
    #[serde(default)]
    constraint: Option<Constraint>,
}

type Prices<'t> = BTreeMap<Cow<'t, str>, &'t RawValue>;

#[derive(Clone, Deserialize)]
struct Constraint {
    start_date: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Tiered<'t> {
    #[serde(borrow)]
    base: &'t RawValue,
    #[serde(borrow)]
    tiers: Vec<Step<'t>>,
}

#[derive(Deserialize)]
struct Step<'t> {
    start: u64,
    #[serde(borrow)]
    price: &'t RawValue,
}

pub(super) fn read(text: &str, as_of: Date) -> Result<(PriceTable, PriceReport), PriceTableError> {
    let providers: Vec<Provider<'_>> =
        serde_json::from_str(text).map_err(|error| PriceTableError::of_json(&error))?;
    let mut rows = Rows::default();
    for provider in &providers {
        let slug = slug(&provider.id);
        for model in &provider.models {
            let name = format!("{slug}/{}", model.id);
            if slug == "google-ai-studio" && !model.id.starts_with("gem") {
                rows.leave(&name, "a model of Vertex AI, whose regions have other prices".into());
                continue;
            }
            rows.add(&name, model.price(&slug));
        }
    }
    Ok(rows.end(PriceSource::GenaiPrices, as_of))
}

fn slug(provider: &str) -> Cow<'static, str> {
    let slug = match provider {
        "x-ai" => "grok",
        "google" => "google-ai-studio",
        "perplexity" => "perplexity-ai",
        "azure" => "azure-openai",
        "aws" => "aws-bedrock",
        "cloudflare" => "workers-ai",
        "moonshotai" => "moonshot",
        slug if crate::usage::table::names::is_builtin(slug) => return slug.to_owned().into(),
        other => return format!("custom-{}", shown(other).replace('_', "-")).into(),
    };
    slug.into()
}

impl Model<'_> {
    fn price(&self, slug: &str) -> Result<Price, Reason> {
        let conditional: Vec<Conditional<'_>> = match self.prices.get().starts_with('[') {
            true => serde_json::from_str(self.prices.get()),
            false => serde_json::from_str(self.prices.get())
                .map(|prices| vec![Conditional { prices, constraint: None }]),
        }
        .map_err(|_| "prices of another form".to_owned())?;
        let first = conditional.first().ok_or_else(|| "no prices".to_owned())?;
        let variants = self.price_variants.as_deref().unwrap_or_default();
        let constraints = conditional.iter().map(|one| &one.constraint);
        let constraints = constraints.chain(variants.iter().map(|one| &one.constraint));
        let mut days = BTreeSet::new();
        for constraint in constraints.flatten() {
            days.insert(constraint.day()?);
        }
        let on = |day: Date| -> Result<Price, Reason> {
            // The last price that has started, then the variants that have started, the first one
            // first.
            let begun = conditional.iter().rev().find(|one| has_begun(&one.constraint, day));
            let plain = &begun.unwrap_or(first).prices;
            let mut cells = Cells::default();
            let mut price = fill(plain, None, slug, &mut cells)?;
            let mut tiers: BTreeMap<String, Prices<'_>> = BTreeMap::new();
            // The usual tier is listed without prices.
            let active = variants.iter().filter(|one| !one.prices.is_empty());
            for variant in active.rev().filter(|one| has_begun(&one.constraint, day)) {
                let tier = tiers.entry(variant.tier()?);
                let prices = tier.or_insert_with(|| plain.clone());
                prices.extend(variant.prices.iter().map(|(key, raw)| (key.clone(), *raw)));
            }
            for (tier, prices) in &tiers {
                fill(prices, Some(tier), slug, &mut cells)?;
            }
            price = cells.put_into(price);
            Ok(price)
        };
        if conditional.is_empty() {
            return Err("no price".to_owned());
        }
        let mut price = on(Date::default())?;
        for day in days {
            let later = on(day)?;
            price = price.from_day(day, later);
        }
        let (aliases, snapshots) = names(&self.clause, &self.id);
        price.aliases = aliases;
        price.snapshots = snapshots;
        Ok(price)
    }
}

fn has_begun(constraint: &Option<Constraint>, day: Date) -> bool {
    constraint.as_ref().is_none_or(|of| of.day().is_ok_and(|from| from <= day))
}

impl Constraint {
    fn day(&self) -> Result<Date, Reason> {
        if self.others.values().any(|value| !value.is_null()) {
            return Err("hours without weekdays".to_owned());
        }
        self.start_date.as_deref().and_then(Date::parse).ok_or_else(|| "a condition".to_owned())
    }
}

impl Variant<'_> {
    fn tier(&self) -> Result<String, Reason> {
        let mut conditions = self.when.iter();
        match (conditions.next(), conditions.next()) {
            (Some((key, serde_json::Value::String(value))), None)
                if matches!(&**key, "service_tier" | "speed" | "processing") =>
            {
                Ok(value.clone())
            }
            (Some((key, _)), _) => Err(format!("a variant by `{}`", shown(key))),
            (None, _) => Err("a variant without a condition".to_owned()),
        }
    }
}

/// Fills the cells of a tier, and returns the prices that are not per token.
fn fill(
    prices: &Prices<'_>,
    tier: Option<&str>,
    slug: &str,
    cells: &mut Cells,
) -> Result<Price, Reason> {
    let mut price = Price::default();
    let mut tiered: Vec<(Field, &str, Tiered<'_>)> = Vec::new();
    for (key, raw) in prices {
        let raw = raw.get();
        if raw == "null" {
            continue;
        }
        if let Some(field) = field(key) {
            if raw.starts_with('{') {
                let of = serde_json::from_str(raw).map_err(|_| format!("`{}`", shown(key)))?;
                tiered.push((field, key, of));
            } else {
                *field(cells.at(tier, 0)) = Some(rate(key, raw, MILLION)?);
            }
            continue;
        }
        match &**key {
            "requests_kcount" if slug == "perplexity-ai" => {
                return Err("a fee for each request that depends on its search".to_owned());
            }
            "requests_kcount" => price.request = Some(rate(key, raw, THOUSAND)?),
            // Some of Google's searches are free each day, which is not tracked here.
            "web_searches_kcount" if slug == "google-ai-studio" => {}
            "web_searches_kcount" => price.tools.web_search = Some(rate(key, raw, THOUSAND)?),
            "storage_searches_kcount" => {
                price.tools.file_search = Some(rate(key, raw, THOUSAND)?);
            }
            "audio_hours" | "input_audio_hours" if slug == "groq" => {
                return Err("a least time that is billed".to_owned());
            }
            "audio_hours" | "input_audio_hours" => price.second = Some(rate(key, raw, 3600)?),
            "input_mchars" => price.character = Some(rate(key, raw, MILLION)?),
            "input_document_kpages" => price.page = Some(rate(key, raw, THOUSAND)?),
            // Usage does not distinguish annotated pages.
            "input_annotated_document_kpages" => {}
            other => return Err(format!("`{}`", shown(other))),
        }
    }
    // Prices without steps are the same in the steps of others.
    let starts: BTreeSet<u64> =
        tiered.iter().flat_map(|(_, _, of)| of.tiers.iter().map(|step| step.start)).collect();
    let mut last = *cells.at(tier, 0);
    for (field, key, of) in &tiered {
        *field(&mut last) = Some(rate(key, of.base.get(), MILLION)?);
    }
    *cells.at(tier, 0) = last;
    for start in starts {
        for (field, key, of) in &tiered {
            if let Some(step) = of.tiers.iter().find(|step| step.start == start) {
                *field(&mut last) = Some(rate(key, step.price.get(), MILLION)?);
            }
        }
        // Steps begin above their start, xAI's at it.
        let from = if slug == "grok" { start } else { start.saturating_add(1) };
        *cells.at(tier, from) = last;
    }
    Ok(price)
}

fn field(key: &str) -> Option<Field> {
    let field: Field = match key {
        "input_mtok" => |price| &mut price.input,
        "output_mtok" => |price| &mut price.output,
        "output_reasoning_mtok" => |price| &mut price.reasoning,
        "cache_read_mtok" => |price| &mut price.cached_input,
        "cache_write_mtok" => |price| &mut price.cache_write,
        "cache_write_1h_mtok" => |price| &mut price.long_cache_write,
        "input_audio_mtok" => |price| &mut price.audio_input,
        "output_audio_mtok" => |price| &mut price.audio_output,
        "cache_audio_read_mtok" => |price| &mut price.cached_audio_input,
        "input_image_mtok" => |price| &mut price.image_input,
        "output_image_mtok" => |price| &mut price.image_output,
        "cache_image_read_mtok" => |price| &mut price.cached_image_input,
        _ => return None,
    };
    Some(field)
}

/// The names that a clause lists in addition to the id, and whether it includes dated names.
/// Matches by parts of names are ignored: they could be wrong.
fn names(clause: &serde_json::Value, id: &str) -> (Vec<Box<str>>, bool) {
    let mut names: Vec<Box<str>> = Vec::new();
    let mut has_dates = false;
    let list = clause.get("or").and_then(serde_json::Value::as_array);
    let clauses = list.map_or(std::slice::from_ref(clause), Vec::as_slice);
    for clause in clauses {
        if let Some(name) = clause.get("equals").and_then(serde_json::Value::as_str)
            && name != id
            && !names.iter().any(|known| **known == *name)
        {
            names.push(name.into());
        }
        if let Some(pattern) = clause.get("regex").and_then(serde_json::Value::as_str) {
            let dated = pattern.strip_prefix('^').and_then(|pattern| {
                let dates = [r"-\d{4}-\d{2}-\d{2}$", r"-\d{8}$"];
                dates.iter().find_map(|date| pattern.strip_suffix(date))
            });
            has_dates |= dated.is_some_and(|name| name.replace(r"\.", ".") == id);
        }
    }
    (names, has_dates)
}
