//! Warnings about lost records: when a loss begins, once a minute while it lasts, and with their number
//! when it is over.

use std::error::Error;
use std::iter;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::reminder::Reminder;

/// A loss is over when no record was lost for this long.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// The current loss, if there is one.
#[derive(Debug, Default)]
pub(super) struct LossWarnings(Option<Open>);

#[derive(Debug)]
struct Open {
    loss: Loss,
    last: Instant,
    warnings: Reminder,
    /// Records have been written since the last was lost.
    has_recovered: bool,
}

/// A loss that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) records: u64,
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
    /// Why the first record was lost.
    pub(super) why: String,
}

impl LossWarnings {
    /// Counts lost records. If a warning is due, returns how many were lost so far.
    pub(super) fn add(&mut self, records: u64, why: &str, now: Instant) -> Option<u64> {
        let time = SystemTime::now();
        let open = self.0.get_or_insert_with(|| Open {
            loss: Loss { records: 0, from: time, until: time, why: why.to_owned() },
            last: now,
            warnings: Reminder::default(),
            has_recovered: false,
        });
        open.loss.records += records;
        open.loss.until = time;
        open.last = now;
        open.has_recovered = false;
        open.warnings.is_due(now).then_some(open.loss.records)
    }

    /// A whole batch was written.
    pub(super) fn recovered(&mut self) {
        if let Some(open) = &mut self.0 {
            open.has_recovered = true;
        }
    }

    /// When the current loss will be over if nothing more is lost.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.as_ref().filter(|open| open.has_recovered).map(|open| open.last + QUIET)
    }

    /// Ends the current loss.
    pub(super) fn end(&mut self) -> Option<Loss> {
        self.0.take().map(|open| open.loss)
    }
}

impl Loss {
    pub(super) fn warn(self) {
        let time = |time| Timestamp::try_from(time).unwrap_or_default();
        tracing::warn!(
            target: crate::TARGET,
            lost = self.records,
            from = %time(self.from),
            until = %time(self.until),
            reason = self.why,
            "log records were lost"
        );
    }
}

/// An error and its causes in one line. Skips a cause whose text the line already ends with.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_loss_is_reported_at_its_start_and_its_end() {
        let mut loss_warnings = LossWarnings::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(loss_warnings.add(1, "full", after(0)), Some(1), "the first");
        assert_eq!(loss_warnings.due(), None, "nothing was written since");
        loss_warnings.recovered();
        assert_eq!(loss_warnings.due(), Some(after(5)));
        assert_eq!(loss_warnings.add(8, "other", after(3)), None);
        assert_eq!(loss_warnings.due(), None, "it goes on");
        loss_warnings.recovered();
        assert_eq!(loss_warnings.due(), Some(after(8)));
        let loss = loss_warnings.end().unwrap();
        assert_eq!((loss.records, loss.why.as_str()), (9, "full"));
        assert!(loss.from <= loss.until);
        assert_eq!((loss_warnings.due(), loss_warnings.end()), (None, None));
        loss_warnings.recovered();
        assert_eq!(loss_warnings.due(), None);
        assert_eq!(loss_warnings.add(1, "again", after(90)), Some(1));
    }

    #[test]
    fn a_lasting_loss_is_reported_once_a_minute() {
        let mut loss_warnings = LossWarnings::default();
        let start = Instant::now();
        let warned_at: Vec<_> = (0..150)
            .filter_map(|second| loss_warnings.add(1, "full", start + Duration::from_secs(second)))
            .collect();
        assert_eq!(warned_at, [1, 61, 121]);
    }

    #[test]
    fn a_reason_names_each_cause_once() {
        let cause = io::Error::other("disk full");
        let error = super::super::SinkError::from(cause);
        assert_eq!(reason(&error), "log records could not be written: disk full");
        assert_eq!(reason(&io::Error::other(error)), "log records could not be written: disk full");
    }
}
