//! Decodes a copy of a compressed response, only for the meter and the hooks.

mod codec;
#[cfg(test)]
mod tests;
mod window;

use self::codec::{Codec, Step};
use self::window::Window;
use crate::usage::Problem;
use crate::util::opaque::opaque_debug;

/// The decoded size that is allowed for any body, in bytes, …
pub(crate) const ALLOWANCE: u64 = 1 << 20;
/// … and in addition for each of its bytes. Answers compress 3 to 30 times, bombs 1,000 times and
/// more.
pub(crate) const RATIO: u64 = 100;
/// The number of bytes decoded at a time, and so the maximum beyond the bound.
const STEP: usize = 8 * 1024;

/// The supported codings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Decodes one body as its bytes arrive.
pub(crate) struct Decoder {
    coding: Coding,
    /// Created at the first byte: many encoded responses have no body.
    codec: Option<Codec>,
    encoded: u64,
    decoded: u64,
    window: Window,
}

impl Decoder {
    /// `coding`: the whole `content-encoding` of a response. `None` if it is not supported.
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

    /// Passes everything that can be decoded so far to `out`. After an error the decoder must not
    /// be used again.
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
            // A decoder may return before the output is full and still have more.
            if written == 0 {
                match (data.is_empty(), read) {
                    (true, _) => return Ok(()),
                    (false, 0) => return Err(Problem::Malformed),
                    (false, _) => {}
                }
            }
        }
    }

    /// Returns true if the body ended too early. Nothing may be pushed afterwards.
    pub(crate) fn is_cut(&mut self) -> bool {
        self.codec.as_mut().is_some_and(|codec| !codec.is_at_end())
    }
}

opaque_debug!(Decoder { coding });
