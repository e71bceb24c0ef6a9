//! The error of a request for which a rule has no room.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::store::{Claim, Standing};
use super::window::capacity;
use crate::hook::Failure;
use crate::rejection::Refusal;
use crate::response::failure::UpstreamError;
use crate::settings::limits::{LimitRule, Measure, Period, Window};
use crate::util::seconds::rounded_up;
use crate::util::text::shortened;

/// When a client may try again if the store did not answer.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// A rule of the gateway has no room for a request; nothing was sent.
///
/// Its source is the [`Refusal`] that the client gets if nothing else is tried.
#[derive(Debug)]
pub struct LimitExceeded {
    refusal: Refusal,
    rule: Box<str>,
    leads_elsewhere: bool,
}

impl LimitExceeded {
    /// `all_lead_elsewhere`: every rule without room sends the request elsewhere.
    pub(super) fn new(
        rule: &LimitRule,
        claim: &Claim,
        standing: &Standing,
        all_lead_elsewhere: bool,
    ) -> Self {
        let Standing { used, resets_after, retry_after, .. } = *standing;
        let left = capacity(rule.window, rule.amount).saturating_sub(used);
        let measure = rule.measure;
        let amount = |amount| shown(measure, amount);
        let limit = amount(rule.amount);
        let mut message = format!(
            "The limit `{}` of {limit} {} is reached: {} used, {} left",
            rule.name,
            per(rule.window),
            amount(used),
            amount(left),
        );
        if measure != Measure::Requests {
            message.push_str(&format!(", and this request needs about {}", amount(claim.amount)));
        }
        message.push_str(&format!(
            ". It resets in {}; try again in {}.",
            seconds(resets_after),
            seconds(retry_after)
        ));
        let refusal = match measure {
            Measure::Cost => Refusal::over_budget(message),
            _ => Refusal::rate_limited(message).name("rate_limited"),
        };
        let leads_elsewhere = all_lead_elsewhere && rule.leads_elsewhere();
        let refusal = refusal.retry_after(retry_after.max(Duration::from_millis(1)));
        Self { refusal, rule: rule.name.clone(), leads_elsewhere }
    }

    pub(super) fn unknown_price(rule: &LimitRule, model: Option<&str>) -> Self {
        let message = format!(
            "The limit `{}` counts money, and the price of the model `{}` is not known here.",
            rule.name,
            shortened(model.unwrap_or("unknown")),
        );
        Self {
            refusal: Refusal::over_budget(message),
            rule: rule.name.clone(),
            leads_elsewhere: rule.leads_elsewhere(),
        }
    }

    pub(super) fn no_store(rule: &LimitRule) -> Self {
        let message = format!(
            "The limit `{}` cannot be checked now; nothing was sent. Try again shortly.",
            rule.name
        );
        let refusal = Refusal::unavailable(message).retry_after(STORE_RETRY);
        Self { refusal, rule: rule.name.clone(), leads_elsewhere: false }
    }

    /// The host's function that chooses the counter has panicked.
    pub(super) fn no_counter(rule: &LimitRule) -> Self {
        Self::no_store(rule)
    }

    /// The name of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The answer to the client if nothing else is tried.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

fn shown(measure: Measure, amount: u64) -> String {
    match measure {
        Measure::Requests => format!("{amount} requests"),
        Measure::InputTokens => format!("{amount} input tokens"),
        Measure::OutputTokens => format!("{amount} output tokens"),
        Measure::Cost => format!("{:.4} USD", amount as f64 / 1e10),
        _ => format!("{amount} tokens"),
    }
}

fn per(window: Window) -> String {
    match window {
        Window::Fixed(Period::Minute) => "per minute".to_owned(),
        Window::Fixed(Period::Hour) => "per hour".to_owned(),
        Window::Fixed(Period::Day) => "per day".to_owned(),
        Window::Fixed(Period::Week) => "per week".to_owned(),
        Window::Fixed(Period::Month) => "per month".to_owned(),
        Window::Sliding(time) | Window::Bucket { per: time, .. } => {
            format!("per {}", seconds(time))
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> String {
    format!("{} s", rounded_up(time))
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the limit `{}` has no room for the request", self.rule)
    }
}

impl Error for LimitExceeded {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.refusal)
    }
}

impl UpstreamError for LimitExceeded {
    fn failure(&self) -> Option<Failure> {
        Some(Failure::Overloaded)
    }

    fn leads_elsewhere(&self) -> bool {
        self.leads_elsewhere
    }
}
