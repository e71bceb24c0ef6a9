//! The settings of an exchange that layers below the gateway have acted on.

use std::sync::atomic::Ordering;

use super::GatewayContext;

/// The layer that acts on a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Retries = 1,
    Fallback = 2,
    Timeouts = 4,
    Total = 8,
    Limits = 16,
    Usage = 32,
    Choice = 64,
}

impl GatewayContext {
    /// Records that a layer has seen the setting, and acts on it when needed.
    pub(crate) fn acts(&self, actor: Actor) {
        self.0.progress.acted.fetch_or(actor as u8, Ordering::Relaxed);
    }

    /// Returns true if there are several base URLs or several stored keys to choose from.
    pub(crate) fn has_several_targets(&self) -> bool {
        self.upstream().is_some_and(|upstream| {
            let keys = || self.settings().map(|settings| &settings.keys);
            upstream.has_several_origins()
                || keys().is_some_and(|keys| {
                    !keys.is_single() && keys.has_several(upstream, self.key_alias())
                })
        })
    }

    /// The first setting of this exchange that no layer has acted on.
    pub(crate) fn not_acted_on(&self) -> Option<&'static str> {
        if self.settings().is_none() && self.directives().is_none() && self.further().is_none() {
            return None;
        }
        let acted = self.0.progress.acted.load(Ordering::Relaxed);
        let timeouts = self.timeouts();
        let is_timed = timeouts.connect.or(timeouts.head).or(timeouts.idle).is_some();
        let attempts = self.directives().and_then(|directives| directives.max_attempts);
        let is_limited = self.settings().is_some_and(|own| !own.concurrency.is_empty());
        let wanted = [
            (Actor::Retries, attempts.is_some_and(|attempts| attempts > 1), "max_attempts"),
            (Actor::Fallback, self.may_fall_back(), "fallback"),
            (Actor::Timeouts, is_timed, "timeouts"),
            (Actor::Total, timeouts.total.is_some(), "total timeout"),
            (Actor::Limits, is_limited, "concurrency limits"),
            (Actor::Usage, self.is_limited(), "limits"),
            (Actor::Choice, self.has_several_targets(), "several base URLs or keys"),
        ];
        let mut missing =
            wanted.into_iter().filter(|(actor, is_set, _)| *is_set && acted & *actor as u8 == 0);
        missing.next().map(|(.., setting)| setting)
    }
}
