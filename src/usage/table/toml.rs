//! Reads a price table from the plain part of TOML that it is written in.

use super::{Date, PriceTable, PriceTableError};
use crate::usage::price::{LongContext, Price, Regional, TokenPrice, ToolPrices, USD};

enum Section {
    Top,
    Tools,
    Model(Box<str>),
}

/// One model's row as it is read.
#[derive(Default)]
struct Row {
    tokens: [Option<u64>; 3],
    long_from: Option<u64>,
    long: [Option<u64>; 3],
    image: Option<u64>,
    batch_percent: Option<u64>,
    regional_host: Option<Box<str>>,
    regional_percent: Option<u64>,
}

pub(super) fn read(text: &str) -> Result<PriceTable, PriceTableError> {
    let mut reader = Reader {
        table: PriceTable::empty(Date::default()),
        section: Section::Top,
        row: Row::default(),
    };
    let mut end = 0;
    for (number, line) in text.lines().enumerate() {
        end = number + 1;
        reader.line(line.trim()).map_err(|reason| PriceTableError { line: end, reason })?;
    }
    reader.end_section().map_err(|reason| PriceTableError { line: end, reason })?;
    if reader.table.as_of == Date::default() {
        return Err(PriceTableError { line: end, reason: "`as_of` is missing" });
    }
    Ok(reader.table)
}

struct Reader {
    table: PriceTable,
    section: Section,
    row: Row,
}

type Read<T> = Result<T, &'static str>;

impl Reader {
    fn line(&mut self, line: &str) -> Read<()> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(header) = line.strip_prefix('[') {
            self.end_section()?;
            let header = header.strip_suffix(']').ok_or("a table's header must end with `]`")?;
            self.section = match header.strip_prefix("models.") {
                Some(model) => Section::Model(quoted(model)?.into()),
                None if header == "tools" => Section::Tools,
                None => return Err("there is no such table"),
            };
            return Ok(());
        }
        let (key, value) = line.split_once('=').ok_or("expected `key = value`")?;
        let (key, value) = (key.trim(), value.trim());
        match self.section {
            Section::Top => self.top(key, value),
            Section::Tools => tool(&mut self.table.tools, key, value),
            Section::Model(_) => self.row.set(key, value),
        }
    }

    fn top(&mut self, key: &str, value: &str) -> Read<()> {
        match key {
            "as_of" => self.table.as_of = date(value).ok_or("expected a date: 2026-01-31")?,
            "priority_percent" => self.table.priority_percent = integer(value)?,
            _ => return Err("there is no such key"),
        }
        Ok(())
    }

    fn end_section(&mut self) -> Read<()> {
        if let Section::Model(model) = std::mem::replace(&mut self.section, Section::Top)
            && self.table.insert(model, std::mem::take(&mut self.row).price()?).is_some()
        {
            return Err("the model is there twice");
        }
        Ok(())
    }
}

impl Row {
    fn set(&mut self, key: &str, value: &str) -> Read<()> {
        let slot = match key {
            "input" => &mut self.tokens[0],
            "cached_input" => &mut self.tokens[1],
            "output" => &mut self.tokens[2],
            "long_input" => &mut self.long[0],
            "long_cached_input" => &mut self.long[1],
            "long_output" => &mut self.long[2],
            "long_from" => return put(&mut self.long_from, integer(value)?),
            "image" => return put(&mut self.image, usd(value, 1)?),
            "batch_percent" => return put(&mut self.batch_percent, integer(value)?),
            "regional_host" => return put(&mut self.regional_host, quoted(value)?.into()),
            "regional_percent" => return put(&mut self.regional_percent, integer(value)?),
            _ => return Err("there is no such key"),
        };
        put(slot, usd(value, 1_000_000)?)
    }

    fn price(self) -> Read<Price> {
        let long = match (self.long_from, token_price(self.long)?) {
            (Some(from), Some(tokens)) => Some(LongContext { from, tokens }),
            (None, None) => None,
            _ => return Err("a long price needs `long_from` and its three prices"),
        };
        let regional = match (self.regional_host, self.regional_percent) {
            (Some(host), Some(percent)) => Some(Regional { host, percent }),
            (None, None) => None,
            _ => return Err("a regional price needs `regional_host` and `regional_percent`"),
        };
        Ok(Price {
            tokens: token_price(self.tokens)?,
            long_context: long,
            image: self.image,
            batch_percent: self.batch_percent,
            regional,
        })
    }
}

fn token_price(prices: [Option<u64>; 3]) -> Read<Option<TokenPrice>> {
    match prices {
        [Some(input), Some(cached_input), Some(output)] => {
            Ok(Some(TokenPrice { input, cached_input, output }))
        }
        [None, None, None] => Ok(None),
        _ => Err("a price per token is three: `input`, `cached_input` and `output`"),
    }
}

fn tool(tools: &mut ToolPrices, key: &str, value: &str) -> Read<()> {
    let slot = match key {
        "web_search" => &mut tools.web_search,
        "x_search" => &mut tools.x_search,
        "code_interpreter" => &mut tools.code_interpreter,
        "file_search" => &mut tools.file_search,
        "mcp" => &mut tools.mcp,
        _ => return Err("there is no such tool"),
    };
    put(slot, usd(value, 1000)?)
}

fn put<T>(slot: &mut Option<T>, value: T) -> Read<()> {
    if slot.replace(value).is_some() { Err("the key is there twice") } else { Ok(()) }
}

fn quoted(value: &str) -> Read<&str> {
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inside
        .filter(|inside| !inside.contains(['"', '\\']))
        .ok_or("expected a string in double quotes, without escapes")
}

fn integer(value: &str) -> Read<u64> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_plain).ok_or("expected a whole number")
}

/// Ticks each, where `units` of them cost the decimal in USD. Exact, or refused.
fn usd(value: &str, units: u64) -> Read<u64> {
    const EXPECTED: &str = "expected a price in USD, such as 1.25";
    let (whole, fraction) = value.split_once('.').ok_or(EXPECTED)?;
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 10 {
        return Err(EXPECTED);
    }
    let scale = USD / 10_u64.pow(fraction.len() as u32);
    let ticks = integer(whole)?
        .checked_mul(USD)
        .zip(integer(fraction)?.checked_mul(scale))
        .and_then(|(whole, fraction)| whole.checked_add(fraction))
        .ok_or(EXPECTED)?;
    if ticks % units == 0 { Ok(ticks / units) } else { Err("the price is too fine") }
}

fn date(value: &str) -> Option<Date> {
    let mut parts = value.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}
