//! `[[gateways.….limit]]`: limit rules.

use std::time::Duration;

use super::error::ConfigFileErrorKind as Kind;
use super::names::Names;
use super::place::{Located, Mistake, Named, Table, Text, keyword};
use super::value::{Milliseconds, Whole, form, section};
use crate::settings::GatewaySettingsBuilder;
use crate::settings::limits::{
    CountBy, LimitRule, Measure, OnExceeded, OnStoreFailure, OnUnknownPrice, Period, Window,
};

const SECOND_MS: u64 = 1000;
const MOST_MS: u64 = 31 * 86_400 * SECOND_MS;

form!(Amount(u64), "a whole number from 1 to 2^53", |amount| (1..=1 << 53).contains(amount));
form!(Usd(f64), "an amount of money above 0, up to 900000", |usd| *usd >= 1e-10 && *usd <= 9e5);

section! {
    /// A rule.
    Rule, rule: LimitRule, names: &Names<'_>;
    name: Text;
    requests: Amount;
    tokens: Amount;
    input_tokens: Amount;
    output_tokens: Amount;
    usd: Usd;
    per: Text;
    window_ms: Milliseconds<SECOND_MS, MOST_MS>;
    technique: Text;
    burst: Amount;
    by: Vec<Text> => for by in by {
        rule = rule.by(count_by(&by)?);
    };
    providers: Vec<Text> => for name in providers {
        rule = rule.only_providers([names.providers.slug(&name)?]);
    };
    models: Vec<Text> => rule = rule.only_models(models.iter().map(|model| model.get_ref()));
    paths: Vec<Text> => rule = rule.only_paths(paths.iter().map(|path| path.get_ref()));
    groups: Vec<Text> => rule = rule.only_groups(groups.iter().map(|group| group.get_ref()));
    labels: Named<Text> => for (name, value) in labels {
        rule = rule.only_label(name.get_ref(), value.get_ref());
    };
    shadow: bool => if shadow {
        rule = rule.shadow();
    };
    on_exceeded: Text => {
        rule = rule.on_exceeded(keyword(&on_exceeded, exceeded, "\"refuse\" or \"fallback\"")?);
    };
    on_store_failure: Text => {
        let must_be = "\"local\", \"open\" or \"closed\"";
        rule = rule.on_store_failure(keyword(&on_store_failure, store_failure, must_be)?);
    };
    on_unknown_price: Text => {
        let must_be = "\"report\" or \"refuse\"";
        rule = rule.on_unknown_price(keyword(&on_unknown_price, unknown_price, must_be)?);
    };
    max_output: Whole<1, 10_000_000> => rule = rule.max_output(max_output.0.into());
}

pub(super) fn add(
    rules: Vec<Table<Rule>>,
    names: &Names<'_>,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    for rule in rules {
        let place = rule.place();
        builder = builder.limit(rule.read(names)?);
        if let Some(mistake) = builder.mistake() {
            return Err(place.refuse(Kind::Value, mistake));
        }
    }
    Ok(builder)
}

impl Table<Rule> {
    fn read(self, names: &Names<'_>) -> Result<LimitRule, Mistake> {
        let place = self.place();
        let name = self.name.as_ref().ok_or_else(|| self.missing("name"))?.get_ref().clone();
        let window = self.window()?;
        let whole = |amount: &Option<Amount>| amount.as_ref().map(|amount| amount.0);
        let mut amounts = [
            (Measure::Requests, whole(&self.requests)),
            (Measure::Tokens, whole(&self.tokens)),
            (Measure::InputTokens, whole(&self.input_tokens)),
            (Measure::OutputTokens, whole(&self.output_tokens)),
        ]
        .into_iter()
        .filter_map(|(measure, amount)| {
            Some(LimitRule::new(name.clone(), measure, amount?, window))
        })
        .chain(self.usd.as_ref().map(|usd| LimitRule::usd(name.clone(), usd.0, window)));
        match (amounts.next(), amounts.next()) {
            (Some(rule), None) => {
                drop(amounts);
                self.fields.apply(rule, names)
            }
            _ => {
                let message = "it needs one of `requests`, `tokens`, `input_tokens`, \
                               `output_tokens` and `usd`";
                Err(place.refuse(Kind::Missing, message))
            }
        }
    }

    fn window(&self) -> Result<Window, Mistake> {
        let technique = self.technique.as_ref();
        let technique = technique
            .map(|name| keyword(name, technique_of, "\"fixed\", \"sliding\" or \"bucket\""))
            .transpose()?
            .unwrap_or(Technique::Fixed);
        if self.burst.is_some() && technique != Technique::Bucket {
            return Err(self.refuse(Kind::Conflict, "only a bucket has a `burst`"));
        }
        let must_be = "\"minute\", \"hour\", \"day\", \"week\" or \"month\"";
        let period = self.per.as_ref().map(|per| keyword(per, period_of, must_be)).transpose()?;
        let time = match (period, &self.window_ms) {
            (Some(_), Some(_)) => {
                return Err(self.refuse(Kind::Conflict, "keep one of `per` and `window_ms`"));
            }
            (None, None) => return Err(self.missing("per")),
            (Some(period), None) if technique == Technique::Fixed => {
                return Ok(Window::Fixed(period));
            }
            (None, Some(_)) if technique == Technique::Fixed => {
                let message = "a fixed window is a period of the clock: set `per`";
                return Err(self.refuse(Kind::Conflict, message));
            }
            (Some(period), None) => length(period),
            (None, Some(time)) => time.0,
        };
        if technique == Technique::Sliding {
            return Ok(Window::Sliding(time));
        }
        let burst = self.burst.as_ref().ok_or_else(|| self.missing("burst"))?.0;
        Ok(Window::Bucket { per: time, burst })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Technique {
    Fixed,
    Sliding,
    Bucket,
}

fn technique_of(name: &str) -> Option<Technique> {
    Some(match name {
        "fixed" => Technique::Fixed,
        "sliding" => Technique::Sliding,
        "bucket" => Technique::Bucket,
        _ => return None,
    })
}

fn period_of(name: &str) -> Option<Period> {
    Some(match name {
        "minute" => Period::Minute,
        "hour" => Period::Hour,
        "day" => Period::Day,
        "week" => Period::Week,
        "month" => Period::Month,
        _ => return None,
    })
}

/// The length of a period that does not start by the clock.
fn length(period: Period) -> Duration {
    Duration::from_secs(match period {
        Period::Minute => 60,
        Period::Hour => 3600,
        Period::Day => 86_400,
        Period::Week => 7 * 86_400,
        Period::Month => 30 * 86_400,
    })
}

fn count_by(by: &Text) -> Result<CountBy, Mistake> {
    let named = |text: &str| {
        Some(match text.split_once(':') {
            Some(("label", name)) if !name.is_empty() => CountBy::label(name),
            Some(("metadata", key)) if !key.is_empty() => CountBy::metadata(key),
            Some(_) => return None,
            None => match text {
                "token" => CountBy::Token,
                "subject" => CountBy::Subject,
                "credential" => CountBy::Credential,
                "provider" => CountBy::Provider,
                "model" => CountBy::Model,
                _ => return None,
            },
        })
    };
    keyword(
        by,
        named,
        "\"token\", \"subject\", \"label:NAME\", \"credential\", \"provider\", \"model\" or \
         \"metadata:KEY\"",
    )
}

fn exceeded(name: &str) -> Option<OnExceeded> {
    match name {
        "refuse" => Some(OnExceeded::Refuse),
        "fallback" => Some(OnExceeded::Fallback),
        _ => None,
    }
}

fn store_failure(name: &str) -> Option<OnStoreFailure> {
    match name {
        "local" => Some(OnStoreFailure::Local),
        "open" => Some(OnStoreFailure::Open),
        "closed" => Some(OnStoreFailure::Closed),
        _ => None,
    }
}

fn unknown_price(name: &str) -> Option<OnUnknownPrice> {
    match name {
        "report" => Some(OnUnknownPrice::Report),
        "refuse" => Some(OnUnknownPrice::Refuse),
        _ => None,
    }
}
