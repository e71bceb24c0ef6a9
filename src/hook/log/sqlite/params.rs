//! Parses the query parameters of the router.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;

use super::stored::TICKS_PER_USD;
use super::{LogQuery, SummaryQuery};

/// The maximum length of a parameter's name in a message.
const LONGEST_NAME: usize = 64;
/// The maximum number of identity labels in a query.
const MOST_LABELS: usize = 8;
/// The maximum number of metadata entries in a query.
const MOST_METADATA: usize = 8;
/// The prefix of a parameter that names a label.
const LABEL: &str = "label.";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The number of buckets if the query does not give their length.
const BUCKETS: u64 = 24;

/// The parameters that were not parsed yet.
pub(super) struct Params(Vec<(String, String)>);

/// The error message for the client.
type Problem = String;

impl Params {
    /// Ignores parameters without a value.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.0.extract_if(.., |(given, _)| given == name).map(|(_, value)| value);
        let value = values.next();
        match values.next() {
            Some(_) => Err(format!("`{name}` is given twice")),
            None => Ok(value),
        }
    }

    fn parse<T>(
        &mut self,
        name: &str,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.text(name)?
            .map(|text| parse(&text).ok_or_else(|| format!("`{name}` must be {form}")))
            .transpose()
    }

    fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.parse(name, "a time in RFC 3339 or in milliseconds since 1970", time)
    }

    fn bool(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        self.parse(name, "`true` or `false`", |text| text.parse().ok())
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        self.parse(name, "a whole number", |text| text.parse().ok())
    }

    fn ticks(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        let form = "an amount in USD, 0 or more";
        // Casts of floats saturate.
        self.parse(name, form, |text| Some((amount(text)? * TICKS_PER_USD).round() as u64))
    }

    /// All parameters `label.name=value`.
    fn labels(&mut self) -> Result<Vec<(String, String)>, Problem> {
        let named = |(name, value): (String, String)| {
            (name.strip_prefix(LABEL).unwrap_or_default().to_owned(), value)
        };
        let given = self.0.extract_if(.., |(name, _)| name.starts_with(LABEL));
        let labels: Vec<_> = given.map(named).collect();
        if labels.len() > MOST_LABELS {
            return Err(format!("there are more than {MOST_LABELS} labels"));
        }
        Ok(labels)
    }

    /// `metadata.key=k&metadata.value=v` in pairs, in their order, and `metadata.k=v`.
    fn metadata(&mut self) -> Result<Vec<(String, String)>, Problem> {
        let mut entries = Vec::new();
        let mut open = None;
        for (name, value) in self.0.extract_if(.., |(name, _)| name.starts_with("metadata.")) {
            match (name.as_str(), open.take()) {
                ("metadata.key", None) => open = Some(value),
                ("metadata.value", Some(key)) => entries.push((key, value)),
                ("metadata.key" | "metadata.value", _) | (_, Some(_)) => return Err(unpaired()),
                (name, None) => entries.push((name["metadata.".len()..].to_owned(), value)),
            }
        }
        if open.is_some() {
            return Err(unpaired());
        }
        if entries.len() > MOST_METADATA {
            return Err(format!("there are more than {MOST_METADATA} entries of metadata"));
        }
        Ok(entries)
    }

    fn finish(self) -> Result<(), Problem> {
        self.0.into_iter().next().map_or(Ok(()), |(name, _)| {
            let name: String = name.chars().take(LONGEST_NAME).collect();
            Err(format!("there is no parameter `{name}`"))
        })
    }

    pub(super) fn logs(mut self) -> Result<LogQuery, Problem> {
        let query = LogQuery {
            from: self.time("from")?,
            to: self.time("to")?,
            provider: self.text("provider")?,
            model: self.text("model")?,
            operation: self.text("operation")?,
            status: self.parse("status", "a status as in 429 or a class as in 4xx", status)?,
            outcome: self.text("outcome")?,
            success: self.bool("success")?,
            cached: self.bool("cached")?,
            stream: self.bool("stream")?,
            event_id: self.text("event_id")?,
            id: self.text("id")?,
            subject: self.text("subject")?,
            labels: self.labels()?,
            metadata: self.metadata()?,
            min_cost_ticks: self.ticks("min_cost")?,
            max_cost_ticks: self.ticks("max_cost")?,
            min_tokens_in: self.number("min_tokens_in")?,
            max_tokens_in: self.number("max_tokens_in")?,
            min_tokens_out: self.number("min_tokens_out")?,
            max_tokens_out: self.number("max_tokens_out")?,
            min_duration: self.parse("min_duration", "milliseconds, 0 or more", |text| {
                Duration::try_from_secs_f64(amount(text)? / 1e3).ok()
            })?,
            feedback: self.parse("feedback", "-1 or 1", |text| {
                text.parse().ok().filter(|feedback| matches!(feedback, -1 | 1))
            })?,
            oldest_first: self
                .parse("order", "`asc` or `desc`", |text| match text {
                    "asc" => Some(true),
                    "desc" => Some(false),
                    _ => None,
                })?
                .unwrap_or_default(),
            limit: self.parse("limit", "a number from 1 to 1000", |text| {
                text.parse().ok().filter(|limit| (1..=super::page::MOST).contains(limit))
            })?,
            cursor: self.parse("cursor", "the `next` of a page", |text| text.parse().ok())?,
        };
        self.finish()?;
        Ok(query)
    }

    /// Without `from`, the day before `to`; without `to`, until now.
    pub(super) fn summary(mut self) -> Result<SummaryQuery, Problem> {
        let to = self.time("to")?.unwrap_or_else(Timestamp::now);
        let from =
            self.time("from")?.or_else(|| to.checked_sub(DAY).ok()).unwrap_or(Timestamp::MIN);
        let bucket = match self.number("bucket")? {
            Some(bucket) => bucket,
            None => to.as_millisecond().abs_diff(from.as_millisecond()).div_ceil(BUCKETS),
        };
        let mut query = SummaryQuery::new(from, to, Duration::from_millis(bucket));
        query.provider = self.text("provider")?;
        query.model = self.text("model")?;
        query.subject = self.text("subject")?;
        query.labels = self.labels()?;
        query.by_label = self.text("by_label")?;
        self.finish()?;
        Ok(query)
    }
}

fn unpaired() -> Problem {
    "each `metadata.key` must be followed by its `metadata.value`".to_owned()
}

fn time(text: &str) -> Option<Timestamp> {
    match text.parse() {
        Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

fn amount(text: &str) -> Option<f64> {
    text.parse().ok().filter(|amount: &f64| amount.is_finite() && *amount >= 0.0)
}

fn status(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, is_class) = match text.strip_suffix("xx") {
        Some(class) => (class.parse::<u16>().ok()?.checked_mul(100)?, true),
        None => (text.parse().ok()?, false),
    };
    (100..=999).contains(&first).then(|| first..=if is_class { first + 99 } else { first })
}
