//! Reads prices at other hours.

use serde_json::value::RawValue;

use super::Raw;
use super::key::{Key, token_key};
use crate::usage::price::{Hours, OffPeak, Price, Rate, TokenPrice};
use crate::usage::table::file::rows::{Field, Reason, rate};

/// The price at some hours, if all prices change by the same factor.
pub(super) fn off_peak(raw: &RawValue, price: &Price) -> Result<OffPeak, Reason> {
    let wrong = || "`off_peak_pricing`".to_owned();
    let table: Raw<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    let mut plain = price.tokens.ok_or_else(wrong)?;
    if !price.long_context.is_empty() || !price.tiers.is_empty() {
        return Err(wrong());
    }
    let mut off = TokenPrice::default();
    let mut hours = Vec::new();
    for (key, raw) in &table {
        match token_key(key) {
            Some(Key { field, tier: None, bound: 0 }) => {
                *field(&mut off) = Some(rate(key, raw.get(), 1)?);
            }
            _ if *key == "windows" => hours = windows(raw).ok_or_else(wrong)?,
            _ => return Err(wrong()),
        }
    }
    let mut is_part = |percent: u64| {
        let fields: [Field; 6] = [
            |price| &mut price.input,
            |price| &mut price.output,
            |price| &mut price.cached_input,
            |price| &mut price.reasoning,
            |price| &mut price.cache_write,
            |price| &mut price.long_cache_write,
        ];
        let (mut off, plain) = (off, &mut plain);
        fields.iter().all(|field| match (*field(plain), *field(&mut off)) {
            (Some(plain), Some(off)) => plain.percent(percent) == Some(off),
            (plain, None) => plain.is_none_or(|plain| plain == Rate::ZERO),
            (None, Some(_)) => false,
        })
    };
    let percent = (1..100).find(|percent| is_part(*percent)).ok_or_else(wrong)?;
    if hours.is_empty() { Err(wrong()) } else { Ok(OffPeak { percent, hours }) }
}

fn windows(raw: &RawValue) -> Option<Vec<Hours>> {
    let windows: Vec<Raw<'_>> = serde_json::from_str(raw.get()).ok()?;
    let mut hours = Vec::new();
    for window in &windows {
        let days: Vec<u8> = match window.get("weekdays") {
            Some(days) => serde_json::from_str(days.get()).ok()?,
            None => (1..=7).collect(),
        };
        let spans = window.get("hours_utc")?.get();
        let spans: Vec<String> = match serde_json::from_str::<String>(spans) {
            Ok(span) => vec![span],
            Err(_) => serde_json::from_str(spans).ok()?,
        };
        for span in spans {
            hours.push(Hours::parse(&days, &span)?);
        }
    }
    Some(hours)
}
