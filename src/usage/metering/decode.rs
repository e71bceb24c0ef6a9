//! Decoding a copy of a compressed response, for the meter and the hooks alone.

mod codec;
#[cfg(test)]
mod tests;
mod window;

use self::codec::{Codec, Step};
use self::window::Window;
use crate::usage::Problem;
use crate::util::opaque::opaque_debug;

/// What may be decoded of a body however short it is…
pub(crate) const ALLOWANCE: u64 = 1 << 20;
/// … and for each byte of it: answers shrink by 3 to 30 times, bombs by 1,000 and more.
pub(crate) const RATIO: u64 = 100;
/// How much is decoded at a time, and so at most beyond the bound.
const STEP: usize = 8 * 1024;

/// The codings of bodies that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Decodes one body, as its bytes come.
pub(crate) struct Decoder {
    coding: Coding,
    /// Made for the first byte: many coded responses have no body at all.
    codec: Option<Codec>,
    encoded: u64,
    decoded: u64,
    window: Window,
}

impl Decoder {
    /// `coding`: all of a response's `content-encoding`. `None` where it is not one that is read.
    pub(crate) fn of(coding: &[u8]) -> Option<Self> {
        let named = |name: &&(&str, Coding)| coding.eq_ignore_ascii_case(name.0.as_bytes());
        let (_, coding) = [
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ]
        .iter()
        .find(named)?;
        Some(Self { coding: *coding, codec: None, encoded: 0, decoded: 0, window: Window::new() })
    }

    /// Gives `out` all that can be decoded by now. After an error the decoder must not be used again.
    pub(crate) fn push(
        &mut self,
        mut data: &[u8],
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), Problem> {
        let Some(first) = data.first() else { return Ok(()) };
        let mut buffer = [0; STEP];
        let codec = match &mut self.codec {
            Some(codec) => codec,
            none => none.insert(Codec::new(self.coding, *first)?),
        };
        loop {
            let Step { read, written } = codec.step(data, &mut buffer)?;
            data = &data[read..];
            self.encoded += read as u64;
            self.decoded += written as u64;
            if self.decoded > ALLOWANCE + RATIO.saturating_mul(self.encoded) {
                return Err(Problem::Overflow);
            }
            self.window.fill(self.decoded.min(codec.window()))?;
            out(&buffer[..written]);
            // A decoder may stop before the output is full and still have more of it.
            if written == 0 {
                match (data.is_empty(), read) {
                    (true, _) => return Ok(()),
                    (false, 0) => return Err(Problem::Malformed),
                    (false, _) => {}
                }
            }
        }
    }

    /// Whether a body that has ended ended too early. Nothing must be pushed afterwards.
    pub(crate) fn is_cut(&mut self) -> bool {
        self.codec.as_mut().is_some_and(|codec| !codec.is_at_end())
    }
}

opaque_debug!(Decoder { coding });
