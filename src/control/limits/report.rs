//! The reports on rules in the events of an exchange.

use super::state::Note;
use crate::context::reserved::LimitReport;
use crate::settings::limits::LimitRule;

/// `used`: at the end.
pub(super) fn report(rule: &LimitRule, note: &Note, used: u64) -> LimitReport {
    LimitReport {
        rule: rule.name.clone(),
        measure: rule.measure.as_str(),
        limit: rule.amount,
        used,
        is_exceeded: note.is_exceeded,
        is_shadow: rule.is_shadow,
        is_price_unknown: note.is_price_unknown,
        has_store_failed: note.has_store_failed,
    }
}
