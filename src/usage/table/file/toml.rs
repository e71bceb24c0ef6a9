//! Reads the user's own table in TOML.

mod value;

use std::collections::HashSet;

use ::toml::de::{DeTable, DeValue};

use self::value::{Table, Value};
use super::super::{Date, PriceTable, names};
use super::PriceTableError;
use crate::usage::price::{
    Hours, ImagePrice, LongContext, OffPeak, Price, Regional, Tier, TierPrice, TokenPrice,
    ToolPrices,
};
use crate::usage::tokens::each_tool;

const MILLION: u64 = 1_000_000;
const THOUSAND: u64 = 1000;

/// `as_of`: the date of a table without one; `None` if the table must have one.
pub(super) fn read(text: &str, as_of: Option<Date>) -> Result<PriceTable, PriceTableError> {
    let parsed = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        PriceTableError::new(text, at, "", error.message())
    })?;
    let mut root = Table { text, key: String::new(), at: 0, entries: parsed.into_inner() };
    let as_of = match root.take("as_of") {
        Some(value) => value.date()?,
        None => as_of.ok_or_else(|| root.refuse("`as_of` is missing, such as 2026-01-31"))?,
    };
    let priority = root.take("priority_percent").map(Value::whole).transpose()?;
    let mut rows: Vec<(Box<str>, Price, (String, usize))> = Vec::new();
    for (name, value) in root.table("models")?.map(Table::rest).unwrap_or_default() {
        let place = (value.key.clone(), value.at);
        let mut price = row(value)?;
        if let Some(percent) = priority
            && !price.tiers.iter().any(|tier| &*tier.name == "priority")
        {
            price = price.tier(Tier::percent("priority", percent));
        }
        rows.push((names::with_slug(name.into()), price, place));
    }
    let mut seen = HashSet::new();
    for (name, price, (key, at)) in &rows {
        let alias = |alias: &str| match names::split(name) {
            Some((provider, _)) => format!("{provider}/{alias}"),
            None => alias.to_owned(),
        };
        for name in price.aliases.iter().map(|name| alias(name)).chain([name.to_string()]) {
            if !seen.insert(name.clone()) {
                let reason = format!("`{name}` is the name of another row, too");
                return Err(PriceTableError::new(text, *at, key, reason));
            }
        }
    }
    let rows = rows.into_iter().map(|(name, price, _)| (name, price));
    let mut table = PriceTable::of_rows(as_of, rows);
    if let Some(tools) = root.table("tools")? {
        // Tools of one provider are in a subtable, those of all providers directly in `tools`.
        let mut of_all = Table { entries: DeTable::new(), ..tools.empty() };
        for (name, value) in tools.entries {
            match value.get_ref() {
                DeValue::Table(_) => {
                    let slug = name.get_ref().to_string();
                    let value = Value::new(text, &of_all.key, &slug, value);
                    table.insert_tools(Some(&slug), self::tools(value.table()?)?);
                }
                _ => {
                    of_all.entries.insert(name, value);
                }
            }
        }
        if !of_all.entries.is_empty() {
            table.insert_tools(None, self::tools(of_all)?);
        }
    }
    root.end()?;
    Ok(table)
}

/// A row: a table, or several with a first day each.
fn row(value: Value<'_>) -> Result<Price, PriceTableError> {
    if !matches!(value.value.get_ref(), DeValue::Array(_)) {
        let (from, price) = one(value.table()?)?;
        return match from {
            None => Ok(price),
            Some((_, error)) => Err(error),
        };
    }
    let missing = value.must_be("a list of prices, all of them but one with `from`");
    let mut plain = None;
    let mut later = Vec::new();
    for value in value.list()? {
        match one(value.table()?)? {
            (Some((from, _)), price) => later.push((from, price)),
            (None, price) if plain.is_none() => plain = Some(price),
            (None, _) => return Err(missing),
        }
    }
    // Without a price from the start, there is none until the first day.
    let plain = plain.unwrap_or_else(|| match later.first() {
        Some((_, first)) => {
            Price { aliases: first.aliases.clone(), snapshots: first.snapshots, ..Price::default() }
        }
        None => Price::default(),
    });
    Ok(later.into_iter().fold(plain, |price, (from, later)| price.from_day(from, later)))
}

/// The first day, with the error to report if there is no price before it, and the price.
type Dated = (Option<(Date, PriceTableError)>, Price);

fn one(mut table: Table<'_>) -> Result<Dated, PriceTableError> {
    let from = match table.take("from") {
        Some(value) => {
            let alone = value.must_be("in a list of several: [[models.\"…\"]]");
            Some((value.date()?, alone))
        }
        None => None,
    };
    let mut price = Price {
        tokens: tokens(&mut table)?,
        image: table.usd("image", 1)?,
        character: table.usd("characters", MILLION)?,
        page: table.usd("pages", THOUSAND)?,
        citation: table.usd("citations", MILLION)?,
        search_unit: table.usd("search_units", THOUSAND)?,
        request: table.usd("requests", THOUSAND)?,
        snapshots: table.take("snapshots").map(Value::flag).transpose()?.unwrap_or(false),
        ..Price::default()
    };
    for (key, seconds) in [("second", 1), ("minute", 60), ("hour", 3600)] {
        let place = table.at;
        if let Some(rate) = table.usd(key, seconds)?
            && price.second.replace(rate).is_some()
        {
            let reason = "there is another price of time";
            return Err(PriceTableError::new(table.text, place, &table.key, reason));
        }
    }
    if let Some(aliases) = table.take("aliases") {
        for alias in aliases.list()? {
            price.aliases.push(alias.text()?.into());
        }
    }
    for step in table.take("steps").map(Value::list).transpose()?.unwrap_or_default() {
        price = price.long_context(self::step(step)?);
    }
    if let Some(step) = long_step(&mut table)? {
        price = price.long_context(step);
    }
    for (name, value) in table.table("tiers")?.map(Table::rest).unwrap_or_default() {
        price = price.tier(tier(name, value)?);
    }
    if let Some(percent) = table.take("batch_percent") {
        price = price.tier(Tier::percent("batch", percent.whole()?));
    }
    for (name, value) in table.table("regions")?.map(Table::rest).unwrap_or_default() {
        price = price.regional(Regional::new(name, value.whole()?));
    }
    let host = table.take("regional_host").map(Value::text).transpose()?;
    match (host, table.take("regional_percent").map(Value::whole).transpose()?) {
        (Some(host), Some(percent)) => price = price.regional(Regional::new(host, percent)),
        (None, None) => {}
        _ => return Err(table.refuse("`regional_host` and `regional_percent` go together")),
    }
    if let Some(value) = table.take("off_peak") {
        price = price.off_peak(off_peak(value)?);
    }
    for image in table.take("images").map(Value::list).transpose()?.unwrap_or_default() {
        price.images.push(self::image(image)?);
    }
    if let Some(tools) = table.table("tools")? {
        price = price.tools(self::tools(tools)?);
    }
    table.end()?;
    Ok((from, price))
}

/// `None` without a price per token.
fn tokens(table: &mut Table<'_>) -> Result<Option<TokenPrice>, PriceTableError> {
    let input = table.usd("input", MILLION)?;
    let mut or_input = |key| match table.take(key) {
        Some(value) if value.is_text("input") => {
            input.map(Some).ok_or_else(|| value.must_be("a price, for there is no `input`"))
        }
        Some(value) => value.usd(MILLION).map(Some),
        None => Ok(None),
    };
    let price = TokenPrice {
        cached_input: or_input("cached_input")?,
        cache_write: or_input("cache_write")?,
        long_cache_write: or_input("long_cache_write")?,
        audio_input: or_input("audio_input")?,
        image_input: or_input("image_input")?,
        cached_audio_input: or_input("cached_audio_input")?,
        cached_image_input: or_input("cached_image_input")?,
        output: table.usd("output", MILLION)?,
        reasoning: table.usd("reasoning", MILLION)?,
        audio_output: table.usd("audio_output", MILLION)?,
        image_output: table.usd("image_output", MILLION)?,
        input,
    };
    Ok((price != TokenPrice::default()).then_some(price))
}

fn step(value: Value<'_>) -> Result<LongContext, PriceTableError> {
    let mut table = value.table()?;
    let above = table.take("above").map(Value::whole).transpose()?;
    let from = table.take("from").map(Value::whole).transpose()?;
    let tokens = tokens(&mut table)?;
    let step = match (above, from, tokens) {
        (Some(bound), None, Some(tokens)) => LongContext::above(bound, tokens),
        (None, Some(from), Some(tokens)) => LongContext::new(from, tokens),
        _ => return Err(table.refuse("a step has prices, and a bound: `above` or `from`")),
    };
    table.end()?;
    Ok(step)
}

/// The single step of older tables: `long_from`, `long_input`, `long_cached_input`, `long_output`.
fn long_step(table: &mut Table<'_>) -> Result<Option<LongContext>, PriceTableError> {
    let from = table.take("long_from").map(Value::whole).transpose()?;
    let tokens = TokenPrice {
        input: table.usd("long_input", MILLION)?,
        cached_input: table.usd("long_cached_input", MILLION)?,
        output: table.usd("long_output", MILLION)?,
        ..TokenPrice::default()
    };
    match (from, tokens != TokenPrice::default()) {
        (Some(from), true) => Ok(Some(LongContext::new(from, tokens))),
        (None, false) => Ok(None),
        _ => Err(table.refuse("a long price needs `long_from` and its prices")),
    }
}

/// A percentage, or a table with a percentage or prices.
fn tier(name: String, value: Value<'_>) -> Result<Tier, PriceTableError> {
    if !matches!(value.value.get_ref(), DeValue::Table(_)) {
        return Ok(Tier::percent(name, value.whole()?));
    }
    let mut table = value.table()?;
    let percent = table.take("percent").map(Value::whole).transpose()?;
    let cached = table.take("cached_percent").map(Value::whole).transpose()?;
    let tokens = tokens(&mut table)?;
    let steps = table.take("steps").map(Value::list).transpose()?.unwrap_or_default();
    let steps = steps.into_iter().map(step).collect::<Result<Vec<_>, _>>()?;
    let price = match (percent, tokens) {
        (Some(tokens), None) if steps.is_empty() => {
            TierPrice::Percent { tokens, cached: cached.unwrap_or(tokens) }
        }
        (None, Some(tokens)) if cached.is_none() => TierPrice::Own { tokens, long_context: steps },
        _ => return Err(table.refuse("a tier has either a `percent` or prices")),
    };
    table.end()?;
    Ok(Tier { name: name.into(), price })
}

fn off_peak(value: Value<'_>) -> Result<OffPeak, PriceTableError> {
    let mut table = value.table()?;
    let must_be = "it needs `percent` and `hours`, and `days` from 1, Monday, to 7, if not all";
    let percent = table.take("percent").map(Value::whole).transpose()?;
    let days = table.take("days").map(Value::list).transpose()?;
    let days = match days {
        Some(days) => {
            let days = days.into_iter().map(|day| Ok(u8::try_from(day.whole()?).unwrap_or(0)));
            days.collect::<Result<Vec<_>, PriceTableError>>()?
        }
        None => (1..=7).collect(),
    };
    let mut hours = Vec::new();
    for value in table.take("hours").map(Value::list).transpose()?.unwrap_or_default() {
        let error = value.must_be("hours in UTC, such as 22:00-00:00, on days from 1 to 7");
        hours.push(Hours::parse(&days, &value.text()?).ok_or(error)?);
    }
    let percent = percent.filter(|_| !hours.is_empty()).ok_or_else(|| table.refuse(must_be))?;
    table.end()?;
    Ok(OffPeak { percent, hours })
}

fn image(value: Value<'_>) -> Result<ImagePrice, PriceTableError> {
    let mut table = value.table()?;
    let size = table.take("size").map(Value::text).transpose()?;
    let quality = table.take("quality").map(Value::text).transpose()?;
    let price = table.usd("price", 1)?.ok_or_else(|| table.refuse("`price` is missing"))?;
    table.end()?;
    Ok(ImagePrice::new(size.as_deref(), quality.as_deref(), price))
}

fn tools(mut table: Table<'_>) -> Result<ToolPrices, PriceTableError> {
    macro_rules! prices {
        ($($tool:ident: $figure:ident)+) => {
            ToolPrices { $($tool: table.usd(stringify!($tool), THOUSAND)?,)+ }
        };
    }
    let tools = each_tool!(prices);
    table.end()?;
    Ok(tools)
}
