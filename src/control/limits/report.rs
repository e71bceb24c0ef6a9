//! The reports on rules in the events of an exchange.

use super::state::Note;
use super::window::capacity;
use crate::context::reserved::LimitReport;
use crate::settings::limits::LimitRule;

/// `used`: at the end.
pub(super) fn report(rule: &LimitRule, note: &Note, used: u64) -> LimitReport {
    LimitReport {
        rule: rule.name.clone(),
        measure: rule.measure.as_str(),
        limit: capacity(rule.window, rule.amount),
        used,
        is_exceeded: note.is_exceeded,
        is_shadow: rule.is_shadow,
        is_price_unknown: note.is_price_unknown,
        has_store_failed: note.has_store_failed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::limits::Window;

    #[test]
    fn of_a_bucket_a_caller_may_use_its_burst() {
        let window = Window::Bucket { per: Duration::from_secs(60), burst: 20 };
        let report = report(&LimitRule::requests("r", 600, window), &Note::default(), 15);
        assert_eq!((report.limit, report.used), (20, 15));
    }
}
