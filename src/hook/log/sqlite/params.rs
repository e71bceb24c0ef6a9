//! Parses the query parameters of the router.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Params::new(pairs.iter().map(owned).collect())
    }

    #[test]
    fn empty_values_are_ignored() {
        let query = params(&[("provider", ""), ("limit", "")]).logs().unwrap();
        assert_eq!(query, LogQuery::default());
    }

    #[test]
    fn values_are_read_in_their_units() {
        let query = params(&[
            ("from", "1700000000123"),
            ("to", "2023-11-14T22:13:20.5Z"),
            ("status", "4xx"),
            ("min_cost", "0.1"),
            ("max_cost", "1e30"),
            ("min_duration", "1.5"),
            ("order", "asc"),
        ]);
        let query = query.logs().unwrap();
        assert_eq!(query.from.unwrap().as_millisecond(), 1_700_000_000_123);
        assert_eq!(query.to.unwrap().as_millisecond(), 1_700_000_000_500);
        assert_eq!(query.status, Some(400..=499));
        assert_eq!(query.min_cost_ticks, Some(1_000_000_000));
        assert_eq!(query.max_cost_ticks, Some(u64::MAX));
        assert_eq!(query.min_duration, Some(Duration::from_micros(1500)));
        assert!(query.oldest_first);
    }

    #[test]
    fn metadata_comes_in_pairs() {
        let query = params(&[
            ("metadata.key", "a"),
            ("metadata.value", "1"),
            ("metadata.user", "u"),
            ("metadata.key", "b"),
            ("metadata.value", "2"),
        ]);
        let pairs = query.logs().unwrap().metadata;
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(pairs, ["a=1", "user=u", "b=2"]);
        for bad in [
            &[("metadata.key", "a")][..],
            &[("metadata.value", "a")],
            &[("metadata.value", "1"), ("metadata.key", "a")],
            &[("metadata.key", "a"), ("metadata.key", "b"), ("metadata.value", "1")],
            &[("metadata.key", "a"), ("metadata.user", "u"), ("metadata.value", "1")],
            &[("metadata.a", "1"); 9],
        ] {
            assert!(params(bad).logs().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_error_names_an_invalid_parameter() {
        for (name, value) in [
            ("from", "yesterday"),
            ("from", "99999999999999999"),
            ("to", "1.5"),
            ("status", "4x"),
            ("status", "99"),
            ("status", "+4xx "),
            ("status", "70000xx"),
            ("success", "1"),
            ("min_cost", "-1"),
            ("min_cost", "NaN"),
            ("max_cost", "inf"),
            ("min_tokens_in", "-1"),
            ("min_duration", "1e300"),
            ("feedback", "0"),
            ("order", "random"),
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "' OR 1=1 --"),
            ("cursor", "1"),
        ] {
            let problem = params(&[(name, value)]).logs().unwrap_err();
            assert!(problem.starts_with(&format!("`{name}` must be ")), "{problem}");
        }
        assert!(params(&[("id", "a"), ("id", "b")]).logs().is_err());
        assert!(params(&[("from", "1"), ("bucket", "x")]).summary().is_err());
        let long = "x".repeat(10_000);
        assert!(params(&[(&long, "1")]).summary().unwrap_err().len() < 100);
    }

    #[test]
    fn a_summary_covers_the_last_day_in_hours_by_default() {
        let query = params(&[]).summary().unwrap();
        assert_eq!(query.to.duration_since(query.from).as_secs(), 24 * 60 * 60);
        assert_eq!(query.bucket, Duration::from_secs(60 * 60));
        assert!(params(&[("to", "-377705023201000")]).summary().is_ok());
    }
}
