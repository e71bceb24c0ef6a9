//! Warnings about lost records: one when a loss begins, and one with their number when it is over.

use std::error::Error;
use std::iter;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// A loss is over when no record was lost for this long.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// The current loss, if there is one.
#[derive(Debug, Default)]
pub(super) struct Losses(Option<Open>);

#[derive(Debug)]
struct Open {
    loss: Loss,
    last: Instant,
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

impl Losses {
    /// Counts lost records. Returns whether they are the first of a loss.
    pub(super) fn add(&mut self, records: u64, why: &str, now: Instant) -> bool {
        let time = SystemTime::now();
        if let Some(Open { loss, last, has_recovered }) = &mut self.0 {
            loss.records += records;
            loss.until = time;
            *last = now;
            *has_recovered = false;
            return false;
        }
        let loss = Loss { records, from: time, until: time, why: why.to_owned() };
        self.0 = Some(Open { loss, last: now, has_recovered: false });
        true
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
        let mut losses = Losses::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(losses.add(1, "full", after(0)), "the first");
        assert_eq!(losses.due(), None, "nothing was written since");
        losses.recovered();
        assert_eq!(losses.due(), Some(after(5)));
        assert!(!losses.add(8, "other", after(3)));
        assert_eq!(losses.due(), None, "it goes on");
        losses.recovered();
        assert_eq!(losses.due(), Some(after(8)));
        let loss = losses.end().unwrap();
        assert_eq!((loss.records, loss.why.as_str()), (9, "full"));
        assert!(loss.from <= loss.until);
        assert_eq!((losses.due(), losses.end()), (None, None));
        losses.recovered();
        assert_eq!(losses.due(), None);
        assert!(losses.add(1, "again", after(90)));
    }

    #[test]
    fn a_reason_has_its_causes_once() {
        let cause = io::Error::other("disk full");
        let error = super::super::SinkError::from(cause);
        assert_eq!(reason(&error), "log records could not be written: disk full");
        assert_eq!(reason(&io::Error::other(error)), "log records could not be written: disk full");
    }
}
