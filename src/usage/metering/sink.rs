//! Decodes the bytes of a response, meters them and keeps their start.

use super::coding::Coding;
use crate::usage::{Format, Meter, Problem, Shape};
use crate::util::payload::Capture;

/// What to read of a plain body. A body in one piece is read without allocating.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread {
    pub(super) format: Format,
    pub(super) shape: Shape,
    pub(super) limit: usize,
}

impl Unread {
    #[inline]
    pub(crate) fn meter(self) -> Meter {
        Meter::new(self.format, self.shape, self.limit)
    }
}

#[derive(Debug)]
pub(super) struct Sink {
    pub(super) coding: Coding,
    pub(super) meter: Option<Meter>,
    pub(super) capture: Capture,
}

impl Sink {
    /// A meter is large, so it is constructed in its place.
    pub(super) fn boxed(coding: Coding, unread: Option<Unread>, payload_limit: usize) -> Box<Self> {
        let capture = Capture::new(payload_limit);
        Box::write(Box::new_uninit(), Self { coding, meter: unread.map(Unread::meter), capture })
    }

    pub(super) fn push(&mut self, data: &[u8], mut also: impl FnMut(&[u8])) {
        let Self { coding, meter, capture } = self;
        let mut see = |plain: &[u8]| {
            also(plain);
            capture.push(plain);
            if let Some(meter) = meter {
                meter.push(plain);
            }
        };
        match coding {
            Coding::Plain => see(data),
            Coding::Over { .. } => {}
            Coding::Coded(decoder) => {
                if let Err(problem) = decoder.push(data, see) {
                    self.stop(problem);
                } else if meter.is_none() && capture.is_cut() {
                    self.coding = Coding::Over { is_cut: false };
                }
            }
        }
    }

    fn stop(&mut self, problem: Problem) {
        self.coding = Coding::Over { is_cut: false };
        self.capture.cut();
        if let Some(meter) = &mut self.meter {
            meter.stop(problem);
        }
    }

    pub(super) fn finish(&mut self) {
        if let Coding::Coded(decoder) = &mut self.coding {
            self.coding = Coding::Over { is_cut: decoder.is_cut() };
        }
        if let Some(meter) = &mut self.meter {
            meter.finish();
        }
    }
}
