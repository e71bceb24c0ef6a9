//! Reads a `usage` object with the names of any API.

use super::Reported;
use crate::json::cursor::Cursor;
use crate::usage::decimal::decimal;
use crate::usage::figure::Figure;
use crate::usage::names::{Name, name};
use crate::util::macros::match_bytes;

/// The decimal places of a tick in USD.
const TICKS: u8 = 10;

/// Everything else in a usage object.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::usage) struct Notes<'a> {
    pub(in crate::usage) tier: Option<&'a [u8]>,
    pub(in crate::usage) region: Option<&'a [u8]>,
    pub(in crate::usage) speed: Option<&'a [u8]>,
    /// The raw array.
    pub(in crate::usage) iterations: Option<&'a [u8]>,
    cost: Option<u64>,
    upstream_cost: Option<u64>,
    is_byok: bool,
}

impl Reported {
    /// Reads a whole object; `None` if it is malformed.
    #[cfg(test)]
    pub(in crate::usage) fn read(object: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        (read.parse(object)?.0 == object.len()).then_some(read)
    }

    /// Reads the object at the start of `json` and returns its length; `None` if it is malformed or
    /// incomplete. Skips unknown members.
    pub(in crate::usage) fn parse<'a>(&mut self, json: &'a [u8]) -> Option<(usize, Notes<'a>)> {
        let mut cursor = Cursor::new(json);
        let notes = self.parse_at(&mut cursor)?;
        Some((json.len() - cursor.rest().len(), notes))
    }

    /// Reads the object at the cursor.
    pub(in crate::usage) fn parse_at<'a>(&mut self, cursor: &mut Cursor<'a>) -> Option<Notes<'a>> {
        let mut notes = Notes::default();
        cursor.members(|key, value| {
            // The figures that every object has.
            let figure = match_bytes!(key, {
                b"prompt_tokens" | b"input_tokens" => Figure::Input,
                b"completion_tokens" | b"output_tokens" => Figure::Output,
                b"total_tokens" => Figure::Total,
                _ => return self.member(name(key), value, &mut notes),
            });
            self.figure(figure, value)
        })?;
        if let Some(cost) = notes.cost.filter(|_| self.get(Figure::CostTicks).is_none()) {
            // Users with their own key pay two bills. The cost is known only if both are.
            match (notes.is_byok, notes.upstream_cost) {
                (false, _) => self.set(Figure::CostTicks, cost),
                (true, Some(upstream)) => {
                    self.set(Figure::CostTicks, cost.saturating_add(upstream));
                }
                (true, None) => {}
            }
        }
        Some(notes)
    }

    #[inline(never)]
    fn member<'a>(
        &mut self,
        name: Name,
        value: &mut Cursor<'a>,
        notes: &mut Notes<'a>,
    ) -> Option<()> {
        let figure = match name {
            Name::Of(figure) => figure,
            Name::Details(inside) if value.is_at_object() => {
                return value.members(|key, value| match inside(key) {
                    Name::Of(figure) => self.figure(figure, value),
                    Name::Unknown => value.skip(),
                    other => self.rare(other, value, notes),
                });
            }
            Name::Unknown => return value.skip(),
            other => return self.rare(other, value, notes),
        };
        self.figure(figure, value)
    }

    #[inline(always)]
    fn figure(&mut self, figure: Figure, value: &mut Cursor<'_>) -> Option<()> {
        if let Some(number) = value.number()? {
            self.set(figure, number);
        }
        Some(())
    }

    #[cold]
    fn rare<'a>(
        &mut self,
        name: Name,
        value: &mut Cursor<'a>,
        notes: &mut Notes<'a>,
    ) -> Option<()> {
        match name {
            Name::Share(figure) => {
                // Many providers report zero shares; ignore them.
                if let Some(number) = value.number()?.filter(|number| *number > 0) {
                    self.set(figure, number);
                }
            }
            Name::Details(inside) if value.is_at_object() => {
                value.members(|key, value| match inside(key) {
                    Name::Of(figure) => self.figure(figure, value),
                    Name::Share(figure) => self.rare(Name::Share(figure), value, notes),
                    _ => value.skip(),
                })?;
            }
            Name::Decimal(figure, digits) => {
                if let Some(number) = decimal(value.raw()?, digits) {
                    self.set(figure, number);
                }
            }
            Name::NanoUsd => {
                let ticks = value.number()?.map(|nano| nano.saturating_mul(10));
                if let (Some(ticks), None) = (ticks, self.get(Figure::CostTicks)) {
                    self.set(Figure::CostTicks, ticks);
                }
            }
            Name::Cost if value.is_at_object() => notes.cost = total_cost(value)?.or(notes.cost),
            Name::Cost => notes.cost = decimal(value.raw()?, TICKS).or(notes.cost),
            Name::UpstreamCost => notes.upstream_cost = decimal(value.raw()?, TICKS),
            Name::IsByok => notes.is_byok = value.raw()? == b"true",
            Name::Modalities(audio, image) if value.is_at_array() => {
                self.modalities(value, audio, image)?;
            }
            Name::ToolCounts if value.is_at_array() => self.tool_counts(value)?,
            Name::Lifetimes if value.is_at_array() => self.lifetimes(value)?,
            Name::Iterations if value.is_at_array() => {
                notes.iterations = Some(value.raw()?);
            }
            Name::ServiceTier => notes.tier = word(value.raw()?).and_then(tier).or(notes.tier),
            Name::TrafficType => notes.tier = word(value.raw()?).and_then(traffic).or(notes.tier),
            Name::Region => notes.region = word(value.raw()?),
            Name::Speed => notes.speed = word(value.raw()?),
            // `null` and other values have no members.
            _ => value.skip()?,
        }
        Some(())
    }

    /// Reads cache writes by lifetime (Converse).
    fn lifetimes(&mut self, array: &mut Cursor<'_>) -> Option<()> {
        let mut long = None;
        array.objects(|element| {
            let (mut is_long, mut tokens) = (false, None);
            element.members(|key, value| {
                match key {
                    b"ttl" => is_long = word(value.raw()?) == Some(b"1h"),
                    b"inputTokens" => tokens = value.number()?,
                    _ => value.skip()?,
                }
                Some(())
            })?;
            if let (true, Some(tokens)) = (is_long, tokens) {
                long = Some(tokens.saturating_add(long.unwrap_or(0)));
            }
            Some(())
        })?;
        if let Some(long) = long {
            self.set(Figure::CacheWriteLong, long);
        }
        Some(())
    }

    /// Reads how often tools were called (Interactions). Only web searches have a figure of their own.
    fn tool_counts(&mut self, array: &mut Cursor<'_>) -> Option<()> {
        let (mut searches, mut all) = (0_u64, 0_u64);
        array.objects(|element| {
            let (mut is_search, mut calls) = (false, None);
            element.members(|key, value| {
                match key {
                    b"type" => is_search = word(value.raw()?) == Some(b"google_search"),
                    b"count" => calls = value.number()?,
                    _ => value.skip()?,
                }
                Some(())
            })?;
            let calls = calls.unwrap_or(0);
            all = all.saturating_add(calls);
            searches = searches.saturating_add(if is_search { calls } else { 0 });
            Some(())
        })?;
        if all > 0 {
            self.set(Figure::WebSearch, searches);
            self.set(Figure::ToolsUsed, all);
        }
        Some(())
    }

    fn modalities(&mut self, array: &mut Cursor<'_>, audio: Figure, image: Figure) -> Option<()> {
        array.objects(|element| {
            let (mut figure, mut tokens) = (None, None);
            element.members(|key, value| {
                match key {
                    b"modality" => match word(value.raw()?) {
                        Some(word) if word.eq_ignore_ascii_case(b"audio") => figure = Some(audio),
                        Some(word) if word.eq_ignore_ascii_case(b"image") => figure = Some(image),
                        _ => {}
                    },
                    b"tokenCount" | b"tokens" => tokens = value.number()?,
                    _ => value.skip()?,
                }
                Some(())
            })?;
            if let (Some(figure), Some(tokens)) = (figure, tokens) {
                self.set(figure, tokens);
            }
            Some(())
        })
    }
}

/// The total of a `cost` object (Perplexity). Before the end of a stream it contains zeros and
/// lacks the price of the request itself.
fn total_cost(object: &mut Cursor<'_>) -> Option<Option<u64>> {
    let (mut total, mut is_final) = (None, false);
    object.members(|key, value| {
        match key {
            b"total_cost" => total = decimal(value.raw()?, TICKS),
            b"request_cost" => is_final = decimal(value.raw()?, TICKS).is_some(),
            _ => value.skip()?,
        }
        Some(())
    })?;
    Some(total.filter(|total| *total > 0 || is_final))
}

/// The inside of a string.
fn word(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"").filter(|word| !word.is_empty())
}

/// Google sometimes writes tiers in capitals.
fn tier(word: &[u8]) -> Option<&[u8]> {
    let known = [&b"standard"[..], b"flex", b"priority", b"batch"];
    let known = known.into_iter().find(|known| known.eq_ignore_ascii_case(word));
    known.or(Some(word)).filter(|word| !word.eq_ignore_ascii_case(b"unspecified"))
}

fn traffic(word: &[u8]) -> Option<&[u8]> {
    Some(match word {
        b"ON_DEMAND" => b"standard",
        b"ON_DEMAND_PRIORITY" => b"priority",
        b"ON_DEMAND_FLEX" => b"flex",
        b"ON_DEMAND_OFFPEAK" => b"offpeak",
        b"PROVISIONED_THROUGHPUT" => b"provisioned_throughput",
        b"TRAFFIC_TYPE_UNSPECIFIED" => return None,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_cost_is_one_that_is_paid() {
        let ticks = |json: &str| Reported::read(json.as_bytes()).unwrap().get(Figure::CostTicks);
        assert_eq!(ticks(r#"{"cost":0.00014,"is_byok":false}"#), Some(1_400_000));
        assert_eq!(ticks(r#"{"cost":0,"prompt_tokens":0}"#), Some(0));
        let byok =
            r#"{"is_byok":true,"cost":0.0001,"cost_details":{"upstream_inference_cost":0.002}}"#;
        assert_eq!(ticks(byok), Some(21_000_000));
        let theirs =
            r#"{"cost":0.0001,"cost_details":{"upstream_inference_cost":0.002},"is_byok":false}"#;
        assert_eq!(ticks(theirs), Some(1_000_000));
        let untold = r#"{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":null}}"#;
        assert_eq!(ticks(untold), None);
        assert_eq!(ticks(r#"{"cost_in_usd_ticks":7,"cost":1}"#), Some(7));
        assert_eq!(
            ticks(r#"{"cost":{"total_cost":0.006,"request_cost":0.006}}"#),
            Some(60_000_000)
        );
        assert_eq!(ticks(r#"{"cost":{"input_tokens_cost":0,"total_cost":0.0}}"#), None);
        assert_eq!(ticks(r#"{"cost":{"request_cost":0,"total_cost":0.0}}"#), Some(0));
        assert_eq!(ticks(r#"{"cost":null}"#), None);
    }
}
