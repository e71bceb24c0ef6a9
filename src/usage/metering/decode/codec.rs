//! One way to decode them all: some bytes in, some bytes out.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::Coding;
use super::gzip::Gzip;
use crate::usage::Problem;

/// The largest window that a response may declare (RFC 9659): 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// `ZSTD_error_frameParameter_windowTooLarge`, which zstd gives as a negative number.
const ZSTD_WINDOW_TOO_LARGE: usize = 16;
/// How a window beyond those of RFC 7932 is announced, in the first seven bits.
const BROTLI_LARGE_WINDOW: u8 = 0b001_0001;

/// What became of one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) read: usize,
    pub(super) written: usize,
}

pub(super) enum Codec {
    Gzip(Gzip),
    Deflate(Stream<Decompress>),
    Brotli(Stream<Brotli>),
    Zstd(Stream<Zstd>),
}

pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    window: u64,
}

pub(super) struct Zstd {
    context: DCtx<'static>,
    /// What it takes without a window.
    bare: usize,
}

pub(super) struct Stream<T> {
    decoder: T,
    is_at_end: bool,
}

impl<T> Stream<T> {
    fn new(decoder: T) -> Self {
        Self { decoder, is_at_end: false }
    }
}

impl Codec {
    /// `first`: the first byte of the body.
    pub(super) fn new(coding: Coding, first: u8) -> Result<Self, Problem> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            // Some servers leave out the zlib header; no encoder of raw deflate begins like one.
            Coding::Deflate => Self::Deflate(Stream::new(Decompress::new(first & 0x0f == 8))),
            Coding::Brotli => {
                if first & 0x7f == BROTLI_LARGE_WINDOW {
                    return Err(Problem::Overflow);
                }
                let alloc = StandardAlloc::default;
                let state = Box::new(BrotliState::new_strict(alloc(), alloc(), alloc()));
                Self::Brotli(Stream::new(Brotli { state, window: brotli_window(first) }))
            }
            Coding::Zstd => {
                let mut context = DCtx::try_create().ok_or(Problem::Overflow)?;
                let limit = DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
                context.set_parameter(limit).map_err(|_| Problem::Malformed)?;
                let bare = context.sizeof();
                Self::Zstd(Stream::new(Zstd { context, bare }))
            }
        })
    }

    /// Decodes until the input is used up or the output is full.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output).ok_or(Problem::Malformed),
            Self::Deflate(stream) => stream.deflate(input, output).ok_or(Problem::Malformed),
            Self::Brotli(stream) => stream.brotli(input, output).ok_or(Problem::Malformed),
            Self::Zstd(stream) => stream.zstd(input, output),
        }
    }

    /// How much of what it has decoded it may keep, where that can be more than 32 KiB.
    pub(super) fn window(&self) -> u64 {
        match self {
            Self::Gzip(_) | Self::Deflate(_) => 0,
            Self::Brotli(stream) => stream.decoder.window,
            Self::Zstd(stream) => {
                let Zstd { context, bare } = &stream.decoder;
                context.sizeof().saturating_sub(*bare) as u64
            }
        }
    }

    /// Whether the body may end here.
    pub(super) fn is_at_end(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_at_end(),
            Self::Deflate(stream) => stream.is_at_end,
            Self::Brotli(stream) => stream.is_at_end,
            Self::Zstd(stream) => stream.is_at_end,
        }
    }
}

/// Nothing may follow the end of these.
const OVER: Option<Step> = Some(Step { read: 0, written: 0 });

impl Stream<Decompress> {
    fn deflate(&mut self, input: &[u8], output: &mut [u8]) -> Option<Step> {
        if self.is_at_end {
            return OVER;
        }
        let (step, is_at_end) = inflate(&mut self.decoder, input, output)?;
        self.is_at_end = is_at_end;
        Some(step)
    }
}

/// The step, and whether the stream is over.
pub(super) fn inflate(
    decoder: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
) -> Option<(Step, bool)> {
    let (read, written) = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(input, output, FlushDecompress::None).ok()?;
    let step = Step {
        read: usize::try_from(decoder.total_in() - read).ok()?,
        written: usize::try_from(decoder.total_out() - written).ok()?,
    };
    Some((step, status == Status::StreamEnd))
}

/// The size of the window that the first byte of a body declares (RFC 7932, 9.1).
fn brotli_window(first: u8) -> u64 {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, more) => 8 + more,
        (_, some, _) => 17 + some,
    };
    1 << bits
}

impl Stream<Brotli> {
    fn brotli(&mut self, input: &[u8], output: &mut [u8]) -> Option<Step> {
        if self.is_at_end {
            return OVER;
        }
        let (mut read, mut written) = (0, 0);
        let result = BrotliDecompressStream(
            &mut input.len(),
            &mut read,
            input,
            &mut output.len(),
            &mut written,
            output,
            &mut 0,
            &mut self.decoder.state,
        );
        self.is_at_end = matches!(result, BrotliResult::ResultSuccess);
        (!matches!(result, BrotliResult::ResultFailure)).then_some(Step { read, written })
    }
}

impl Stream<Zstd> {
    fn zstd(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        // Asked again it would wait for another frame; there may be one.
        if input.is_empty() && self.is_at_end {
            return Ok(Step { read: 0, written: 0 });
        }
        let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
        let hint = self.decoder.context.decompress_stream(&mut output, &mut input);
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
            // Nothing is known of the length, or the window would be as small as that.
            let noise: Vec<u8> = (0..1 << 17).map(|_| fastrand::u8(..)).collect();
            brotli::BrotliCompress(&mut &noise[..], &mut encoded, &parameters).unwrap();
            assert_eq!(brotli_window(encoded[0]), 1 << log, "{log}");
        }
    }
}
