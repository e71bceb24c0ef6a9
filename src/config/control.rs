//! `[health]` and `[retry]`: what all gateways of a process share.

use super::Config;
use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::section::Section;
use super::value::milliseconds;
use crate::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use crate::control::{ControlLayer, REPLAY_LIMIT, RetryLayer};
use crate::directives::form::Whole;

const CALLS: Whole = Whole {
    must_be: "a whole number from 1 to 1000000",
    fits: |calls| (1..=1_000_000).contains(&calls),
};
const WINDOW_MS: Whole = Whole {
    must_be: "milliseconds, a whole number from 10 to 86400000",
    fits: |ms| (10..=86_400_000).contains(&ms),
};
const DAY_MS: Whole = Whole {
    must_be: "milliseconds, a whole number from 1 to 86400000",
    fits: |ms| (1..=86_400_000).contains(&ms),
};
const DEFAULT_MS: Whole = Whole {
    must_be: "milliseconds, a whole number from 0 to 86400000",
    fits: |ms| ms <= 86_400_000,
};
const PER_SECOND: Whole = Whole {
    must_be: "retries a second, a whole number from 0 to 1000000",
    fits: |retries| retries <= 1_000_000,
};
const BODY_BYTES: Whole =
    Whole { must_be: "bytes, a whole number from 0 to 1073741824", fits: |bytes| bytes <= 1 << 30 };

/// What both sections say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Control {
    breaker: Option<BreakerSettings>,
    cool_down: Option<CoolDownSettings>,
    budget: Option<(u32, f32)>,
    max_body_bytes: Option<usize>,
}

impl Control {
    pub(super) fn read(root: &mut Section<'_>) -> Result<Self, ConfigFileError> {
        let mut control = Self::default();
        if let Some(mut section) = root.section("health")? {
            control.breaker = section.section("breaker")?.map(breaker).transpose()?;
            control.cool_down = section.section("cool_down")?.map(cool_down).transpose()?;
            section.end()?;
        }
        if let Some(mut section) = root.section("retry")? {
            control.budget = budget(&mut section)?;
            let bytes = section.whole("max_body_bytes", &BODY_BYTES)?;
            control.max_body_bytes = bytes.map(|bytes| bytes as usize);
            section.end()?;
        }
        Ok(control)
    }
}

fn breaker(mut section: Section<'_>) -> Result<BreakerSettings, ConfigFileError> {
    let mut breaker = BreakerSettings::default();
    if let Some(calls) = section.whole("failures_in_a_row", &CALLS)? {
        breaker = breaker.failures_in_a_row(calls as u32);
    }
    if let Some(share) = section.take("failed_share") {
        let fits = |share| share > 0.0 && share <= 1.0;
        breaker = breaker.failed_share(share.fraction("a number above 0, up to 1", fits)?);
    }
    if let Some(calls) = section.whole("min_calls", &CALLS)? {
        breaker = breaker.min_calls(calls as u32);
    }
    if let Some(window) = milliseconds(&mut section, "window_ms", &WINDOW_MS)? {
        breaker = breaker.window(window);
    }
    if let Some(time) = milliseconds(&mut section, "open_ms", &DAY_MS)? {
        breaker = breaker.open_for(time);
    }
    if let Some(time) = milliseconds(&mut section, "probe_ms", &DAY_MS)? {
        breaker = breaker.probe_for(time);
    }
    section.end()?;
    Ok(breaker)
}

fn cool_down(mut section: Section<'_>) -> Result<CoolDownSettings, ConfigFileError> {
    let place = section.place.clone();
    let default = milliseconds(&mut section, "default_ms", &DEFAULT_MS)?;
    let cap = milliseconds(&mut section, "cap_ms", &DAY_MS)?;
    section.end()?;
    let mut cool_down = CoolDownSettings::default();
    if let Some(cap) = cap {
        cool_down = cool_down.cap(cap);
    }
    if let Some(default) = default {
        cool_down = cool_down.default_for(default);
        if cool_down.validate().is_err() {
            let message = "`default_ms` is longer than `cap_ms`, which is 30000 unless it is set";
            return Err(place.refuse(Kind::Conflict, message));
        }
    }
    Ok(cool_down)
}

/// What is not said of it is as it is without the section.
fn budget(section: &mut Section<'_>) -> Result<Option<(u32, f32)>, ConfigFileError> {
    let per_second = section.whole("budget_per_second", &PER_SECOND)?;
    let fits = |share| (0.0..=1000.0).contains(&share);
    let share = section.take("budget_share");
    let share = share.map(|share| share.fraction("a number from 0 to 1000", fits)).transpose()?;
    let is_set = per_second.is_some() || share.is_some();
    let (usual_per_second, usual_share) = RetryLayer::BUDGET;
    Ok(is_set.then(|| {
        let per_second = per_second.map_or(usual_per_second, |retries| retries as u32);
        (per_second, share.map_or(usual_share, |share| share as f32))
    }))
}

impl Config {
    /// The control layers, with what the file's `[health]` and `[retry]` say; where they say
    /// nothing, as [`ControlLayer::new`] makes them.
    ///
    /// They hold for the process: each layer counts for itself, so make one and clone that. When the
    /// file has changed, [`update_control`](Self::update_control) it.
    pub fn control_layer(&self) -> ControlLayer {
        let Control { breaker, cool_down, budget, max_body_bytes } = self.control;
        let mut health = HealthLayer::new();
        if let Some(breaker) = breaker {
            health = health.breaker(breaker);
        }
        if let Some(cool_down) = cool_down {
            health = health.cool_down(cool_down);
        }
        let mut layer = ControlLayer::new().health(health);
        if let Some((per_second, share)) = budget {
            layer = layer.retry_budget(per_second, share);
        }
        if let Some(bytes) = max_body_bytes {
            layer = layer.replay_limit(bytes);
        }
        layer
    }

    /// Puts in force what the file's `[health]` and `[retry]` say, where `layer`, its clones and
    /// their services are in use: for requests that come from now on. It is for a
    /// [`control_layer`](Self::control_layer) of an earlier reading of the file. What has not
    /// changed keeps what it knows, such as which circuits are open.
    pub fn update_control(&self, layer: &ControlLayer) {
        let Control { breaker, cool_down, budget, max_body_bytes } = self.control;
        layer.reconfigure(
            (breaker, cool_down),
            budget.unwrap_or(RetryLayer::BUDGET),
            max_body_bytes.unwrap_or(REPLAY_LIMIT),
        );
    }

    /// Whether the other file asks for the same [control layers](Self::control_layer). Where it does
    /// not, [`update_control`](Self::update_control) makes what has changed hold.
    #[must_use]
    pub fn has_same_control(&self, other: &Self) -> bool {
        self.control == other.control
    }
}
