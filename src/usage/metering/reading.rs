//! What was read of a response, and whether that is complete.

use crate::usage::{Meter, Problem};
use crate::util::macros::named_enum;
use crate::util::payload::Payload;

named_enum! {
/// How the usage of an exchange was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metering {
    /// There was nothing to read: no response, or neither JSON nor an event stream.
    #[default]
    None = "none",
    /// The whole response was read. If there is no usage, the provider reported none.
    Complete = "complete",
    /// The response did not end properly. The usage is what was read until then.
    Partial = "partial",
    /// The compression of the response is not supported.
    Encoded = "encoded",
    /// The usage object was too large, or a compressed response expanded beyond the limit.
    Overflow = "overflow",
    /// The response does not match its `content-type`.
    Malformed = "malformed",
    /// The response came from the host's own cache and was billed when it was generated.
    Repeated = "repeated",
    /// Nothing is billed for this response: counted tokens, a list of models, free moderations,
    /// files, batches and their results, a stored answer, a poll without usage or with usage that
    /// was billed before, accepted work that is not done. Its usage and cost are `None`.
    ///
    /// A layer remembers the last 10,000 videos that it has billed, each for 24 hours, until the
    /// process ends. A later poll, or one through another process, is billed again.
    Free = "free",
}
/// The name in lower case, as in `overflow`.
pub fn as_str;
}

/// What was read of a response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading<'a> {
    pub(crate) meter: Option<&'a Meter>,
    pub(crate) payload: Option<Payload<'a>>,
    /// The encoded data is incomplete.
    pub(super) is_cut: bool,
    /// The compression is not supported.
    pub(crate) is_encoded: bool,
}

impl<'a> Reading<'a> {
    /// A plain body that is not kept.
    pub(crate) fn of(meter: &'a Meter) -> Self {
        Self { meter: Some(meter), ..Self::default() }
    }

    /// `is_whole`: the response ended properly.
    pub(crate) fn metering(self, is_whole: bool) -> Metering {
        match self.meter {
            None if self.is_encoded => Metering::Encoded,
            None => Metering::None,
            Some(meter) => match meter.problem() {
                Some(Problem::Overflow) => Metering::Overflow,
                Some(Problem::Malformed) => Metering::Malformed,
                None if !is_whole => Metering::Partial,
                None if self.is_cut && meter.terminal().is_none() || meter.is_cut() => {
                    Metering::Malformed
                }
                None => Metering::Complete,
            },
        }
    }
}
