//! `[health]` and `[retry]`: settings that all gateways of a process share.

use toml::Spanned;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{Located as _, Mistake, Table};
use super::value::{Milliseconds, Whole, form, section};
use crate::control::RetryLayer;
use crate::control::health::{BreakerSettings, CoolDownSettings};

const DAY_MS: u64 = 86_400_000;

form!(FailedShare(f64), "a number above 0, up to 1", |share| *share > 0.0 && *share <= 1.0);
form!(BudgetShare(f64), "a number from 0 to 1000", |share| (0.0..=1000.0).contains(share));

impl Control {
    pub(super) fn of(
        health: Option<Table<Health>>,
        retry: Option<Table<Retry>>,
    ) -> Result<Self, Mistake> {
        let control =
            health.map_or(Ok(Self::default()), |all| all.fields.apply(Self::default(), ()))?;
        retry.map_or(Ok(control), |retry| retry.fields.apply(control, ()))
    }
}

/// The settings of both sections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Control {
    pub(super) breaker: Option<BreakerSettings>,
    pub(super) cool_down: Option<CoolDownSettings>,
    pub(super) budget: Option<(u32, f32)>,
    pub(super) max_body_bytes: Option<usize>,
}

section! {
    /// `[health]`
    Health, control: Control, _cx: ();
    breaker: Table<Breaker> =>
        control.breaker = Some(breaker.fields.apply(BreakerSettings::default(), ())?);
    cool_down: Table<CoolDown> => {
        let place = cool_down.place();
        control.cool_down = Some(cool_down.fields.apply(CoolDownSettings::default(), place)?);
    };
}

section! {
    /// `[retry]`. Missing keys of the budget have the same default as without the section.
    Retry, control: Control, _cx: ();
    budget_per_second: Whole<0, 1_000_000> =>
        control.budget.get_or_insert(RetryLayer::BUDGET).0 = budget_per_second.0;
    budget_share: BudgetShare =>
        control.budget.get_or_insert(RetryLayer::BUDGET).1 = budget_share.0 as f32;
    max_body_bytes: Whole<0, 1_073_741_824> =>
        control.max_body_bytes = Some(max_body_bytes.0 as usize);
}

section! {
    Breaker, breaker: BreakerSettings, _cx: ();
    failures_in_a_row: Whole<1, 1_000_000> => breaker = breaker.failures_in_a_row(failures_in_a_row.0);
    failed_share: FailedShare => breaker = breaker.failed_share(failed_share.0);
    min_calls: Whole<1, 1_000_000> => breaker = breaker.min_calls(min_calls.0);
    window_ms: Milliseconds<10, DAY_MS> => breaker = breaker.window(window_ms.0);
    open_ms: Milliseconds<1, DAY_MS> => breaker = breaker.open_for(open_ms.0);
    probe_ms: Milliseconds<1, DAY_MS> => breaker = breaker.probe_for(probe_ms.0);
}

section! {
    CoolDown, cool_down: CoolDownSettings, place: Spanned<()>;
    cap_ms: Milliseconds<1, DAY_MS> => cool_down = cool_down.cap(cap_ms.0);
    default_ms: Milliseconds<0, DAY_MS> => {
        cool_down = cool_down.default_for(default_ms.0);
        if cool_down.validate().is_err() {
            let message = "`default_ms` is longer than `cap_ms`, which is 30000 unless it is set";
            return Err(place.refuse(Kind::Conflict, message));
        }
    };
}
