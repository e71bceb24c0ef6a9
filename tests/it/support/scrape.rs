//! Parses Prometheus' text format, and the names of metrics in the dashboard and the documentation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One line of a scrape.
#[derive(Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: String,
}

/// One scrape.
#[derive(Debug)]
pub struct Page {
    pub samples: Vec<Sample>,
}

impl Page {
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { samples: lines.map(sample).collect() }
    }

    pub fn has(&self, name: &str) -> bool {
        self.samples.iter().any(|sample| sample.name == name)
    }

    /// The sum of all samples with this name and at least these labels, as an integer.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, Some(*value))).collect();
        self.exact(name, &labels)
    }

    /// The same without samples that have any of the labels `without`.
    pub fn exact(&self, name: &str, labels: &[(&str, Option<&str>)]) -> u64 {
        let fits = |sample: &&Sample| {
            let has = |(label, value): &(&str, Option<&str>)| {
                sample.labels.get(*label).map(String::as_str) == *value
            };
            sample.name == name && labels.iter().all(has)
        };
        let value = |sample: &Sample| -> u64 {
            sample.value.parse().unwrap_or_else(|_| panic!("not a whole number: {sample:?}"))
        };
        self.samples.iter().filter(fits).map(value).sum()
    }

    /// All values of a label, in order.
    pub fn values(&self, label: &str) -> Vec<&str> {
        let values = self.samples.iter().filter_map(|sample| sample.labels.get(label));
        values.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.samples.iter().map(|sample| sample.name.clone()).collect()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap();
    let pairs = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
        let (label, value) = pair.split_once('=').unwrap();
        (label.to_owned(), value.trim_matches('"').to_owned())
    });
    Sample { name: name.to_owned(), labels: pairs.collect(), value: value.to_owned() }
}

/// The metrics in the queries of a Grafana dashboard.
pub fn names_in_dashboard(json: &str) -> BTreeSet<String> {
    let dashboard: Value = serde_json::from_str(json).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let variables = variables.filter_map(|variable| variable["definition"].as_str());
    queries.chain(variables).flat_map(names_in_query).collect()
}

/// Names of metrics outside of `{…}`, `by (…)` and label names.
fn names_in_query(query: &str) -> Vec<String> {
    let mut plain = query.to_owned();
    for (open, close) in [("{", '}'), ("by (", ')'), (", gen_ai", ')'), ("\"gen_ai", '"')] {
        while let Some(from) = plain.find(open) {
            let inside = from + open.len();
            let to = plain[inside..].find(close).map_or(plain.len(), |length| inside + length + 1);
            plain.replace_range(from..to, " ");
        }
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = plain.split(|c| !is_name(c)).map(str::to_owned);
    words.filter(|word| word.starts_with("ai_gateway_") || word.starts_with("gen_ai_")).collect()
}

/// The metrics in the first column of the documentation's table, as Prometheus writes them.
pub fn names_in_table(documentation: &str) -> BTreeSet<String> {
    let rows = documentation.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| row.split('`').next().unwrap().replace('.', "_")).collect()
}

/// The name of a metric without the exporter's suffixes.
pub fn family(name: &str) -> String {
    let mut name = name;
    for suffix in ["_bucket", "_sum", "_count", "_total", "_seconds"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    name.to_owned()
}
