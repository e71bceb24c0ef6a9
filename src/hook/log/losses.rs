//! Telling the host's log of lost records: once when it begins, and once, with their number, when it
//! is over.

use std::error::Error;
use std::iter;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// How long no record must have been lost before it is over.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// The loss that goes on, if one does.
#[derive(Debug, Default)]
pub(super) struct Losses(Option<Open>);

#[derive(Debug)]
struct Open {
    loss: Loss,
    last: Instant,
    /// Records have been written since the last was lost.
    has_recovered: bool,
}

/// The first record is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun(String);

/// No record is lost any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) records: u64,
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
    /// Of the first one.
    pub(super) why: String,
}

impl Losses {
    /// So many more are lost. Gives what is to be told where these are the first.
    pub(super) fn add(&mut self, records: u64, why: &str, now: Instant) -> Option<Begun> {
        let time = SystemTime::now();
        if let Some(Open { loss, last, has_recovered }) = &mut self.0 {
            loss.records += records;
            loss.until = time;
            *last = now;
            *has_recovered = false;
            return None;
        }
        let loss = Loss { records, from: time, until: time, why: why.to_owned() };
        self.0 = Some(Open { loss, last: now, has_recovered: false });
        Some(Begun(why.to_owned()))
    }

    /// All of a batch was written.
    pub(super) fn recovered(&mut self) {
        if let Some(open) = &mut self.0 {
            open.has_recovered = true;
        }
    }

    /// When the loss that goes on is to be taken as over, unless more is lost.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.as_ref().filter(|open| open.has_recovered).map(|open| open.last + QUIET)
    }

    /// Takes the loss as over.
    pub(super) fn end(&mut self) -> Option<Loss> {
        self.0.take().map(|open| open.loss)
    }
}

impl Begun {
    pub(super) fn warn(self) {
        tracing::warn!(target: crate::TARGET, reason = self.0, "the log is losing records");
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

/// An error with what caused it, in one line. The causes that an `io::Error` repeats are left out.
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
    fn a_loss_is_told_when_it_begins_and_when_it_is_over() {
        let mut losses = Losses::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(losses.add(1, "full", after(0)), Some(Begun("full".to_owned())));
        assert_eq!(losses.due(), None, "nothing was written since");
        losses.recovered();
        assert_eq!(losses.due(), Some(after(5)));
        assert_eq!(losses.add(8, "other", after(3)), None);
        assert_eq!(losses.due(), None, "it goes on");
        losses.recovered();
        assert_eq!(losses.due(), Some(after(8)));
        let loss = losses.end().unwrap();
        assert_eq!((loss.records, loss.why.as_str()), (9, "full"));
        assert!(loss.from <= loss.until);
        assert_eq!((losses.due(), losses.end()), (None, None));
        losses.recovered();
        assert_eq!(losses.due(), None);
        assert!(losses.add(1, "again", after(90)).is_some());
    }

    #[test]
    fn a_reason_has_its_causes_once() {
        let cause = io::Error::other("disk full");
        let error = super::super::SinkError::from(cause);
        assert_eq!(reason(&error), "log records could not be written: disk full");
        assert_eq!(reason(&io::Error::other(error)), "log records could not be written: disk full");
    }
}
