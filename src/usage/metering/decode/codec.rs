//! One interface for all decoders.
//!
//! zstd is used directly: `compression_codecs::ZstdDecoder` hides the window size, and the error
//! for a window that is too large.

use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::Coding;
use crate::usage::Problem;

/// The largest window that a response may declare (RFC 9659): 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// `ZSTD_error_frameParameter_windowTooLarge`, which zstd gives as a negative number.
const ZSTD_WINDOW_TOO_LARGE: usize = 16;
/// The first seven bits that announce a window larger than RFC 7932 allows.
const BROTLI_LARGE_WINDOW: u8 = 0b001_0001;

/// The number of bytes that a step has read and written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) read: usize,
    pub(super) written: usize,
}

pub(super) enum Codec {
    Gzip(GzipDecoder),
    Zlib(ZlibDecoder),
    Deflate(DeflateDecoder),
    Brotli(BrotliDecoder, u64),
    Zstd(Zstd),
}

impl Codec {
    /// `first`: the first byte of the body.
    pub(super) fn new(coding: Coding, first: u8) -> Result<Self, Problem> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzipDecoder::new()),
            // Some servers omit the zlib header. No encoder of raw deflate starts like one.
            Coding::Deflate if first & 0x0f == 8 => Self::Zlib(ZlibDecoder::new()),
            Coding::Deflate => Self::Deflate(DeflateDecoder::new()),
            Coding::Brotli if first & 0x7f == BROTLI_LARGE_WINDOW => return Err(Problem::Overflow),
            Coding::Brotli => Self::Brotli(BrotliDecoder::new(), brotli_window(first)),
            Coding::Zstd => Self::Zstd(Zstd::new()?),
        })
    }

    /// Decodes until the input is used up or the output is full.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        // gzip data may have several members.
        if let Self::Gzip(gzip) = self
            && !input.is_empty()
            && is_at_end(gzip)
        {
            gzip.reinit().map_err(|_| Problem::Malformed)?;
        }
        let decoder = match self.decoder() {
            Ok(decoder) => decoder,
            Err(zstd) => return zstd.step(input, output),
        };
        let mut input = PartialBuffer::new(input);
        let mut output = WriteBuffer::new_initialized(output);
        // `decode` of deflate fails if there is neither input nor output.
        let result = if input.unwritten().is_empty() {
            decoder.flush(&mut output)
        } else {
            decoder.decode(&mut input, &mut output)
        };
        result.map_err(|_| Problem::Malformed)?;
        Ok(Step { read: input.written_len(), written: output.written_len() })
    }

    fn decoder(&mut self) -> Result<&mut dyn DecodeV2, &mut Zstd> {
        match self {
            Self::Gzip(decoder) => Ok(decoder),
            Self::Zlib(decoder) => Ok(decoder),
            Self::Deflate(decoder) => Ok(decoder),
            Self::Brotli(decoder, _) => Ok(decoder),
            Self::Zstd(zstd) => Err(zstd),
        }
    }

    /// The size of its window in bytes, if that can exceed 32 KiB.
    pub(super) fn window(&self) -> u64 {
        match self {
            Self::Gzip(_) | Self::Zlib(_) | Self::Deflate(_) => 0,
            Self::Brotli(_, window) => *window,
            Self::Zstd(zstd) => zstd.context.sizeof().saturating_sub(zstd.bare) as u64,
        }
    }

    /// Returns true if the body may end here. No step may follow.
    pub(super) fn is_at_end(&mut self) -> bool {
        match self.decoder() {
            Ok(decoder) => is_at_end(decoder),
            Err(zstd) => zstd.is_at_end,
        }
    }
}

fn is_at_end(decoder: &mut dyn DecodeV2) -> bool {
    matches!(decoder.finish(&mut WriteBuffer::new_initialized(&mut [])), Ok(true))
}

/// The window size that the first byte of a body declares (RFC 7932, 9.1).
fn brotli_window(first: u8) -> u64 {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, more) => 8 + more,
        (_, some, _) => 17 + some,
    };
    1 << bits
}

pub(super) struct Zstd {
    context: DCtx<'static>,
    /// The size of the context without a window.
    bare: usize,
    is_at_end: bool,
}

impl Zstd {
    fn new() -> Result<Self, Problem> {
        let mut context = DCtx::try_create().ok_or(Problem::Overflow)?;
        let limit = DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
        context.set_parameter(limit).map_err(|_| Problem::Malformed)?;
        let bare = context.sizeof();
        Ok(Self { context, bare, is_at_end: false })
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        // Another call would start to wait for another frame, which is optional.
        if input.is_empty() && self.is_at_end {
            return Ok(Step { read: 0, written: 0 });
        }
        let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
        let hint = self.context.decompress_stream(&mut output, &mut input);
        let hint = hint.map_err(|code| match code.wrapping_neg() {
            ZSTD_WINDOW_TOO_LARGE => Problem::Overflow,
            _ => Problem::Malformed,
        })?;
        self.is_at_end = hint == 0;
        Ok(Step { read: input.pos(), written: output.pos() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_brotli_is_that_of_its_encoder() {
        for log in 10..=24 {
            let parameters = brotli::enc::BrotliEncoderParams { lgwin: log, ..Default::default() };
            let mut encoded = Vec::new();
            // The encoder must not know the length, or it would choose a smaller window.
            let noise: Vec<u8> = (0..1 << 17).map(|_| fastrand::u8(..)).collect();
            brotli::BrotliCompress(&mut &noise[..], &mut encoded, &parameters).unwrap();
            assert_eq!(brotli_window(encoded[0]), 1 << log, "{log}");
        }
    }
}
