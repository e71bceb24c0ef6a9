//! One way to decode them all: some bytes in, some bytes out.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Operation};

use super::Coding;
use super::gzip::Gzip;

/// The largest window that a response may ask for (RFC 9659): 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What became of one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) read: usize,
    pub(super) written: usize,
}

pub(super) enum Codec {
    Gzip(Gzip),
    Deflate(Stream<Decompress>),
    Brotli(Stream<Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>>),
    Zstd(Stream<zstd::stream::raw::Decoder<'static>>),
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
    pub(super) fn new(coding: Coding, first: u8) -> Option<Self> {
        Some(match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            // Some servers leave out the zlib header; no encoder of raw deflate begins like one.
            Coding::Deflate => Self::Deflate(Stream::new(Decompress::new(first & 0x0f == 8))),
            Coding::Brotli => {
                let alloc = StandardAlloc::default;
                let state = BrotliState::new_strict(alloc(), alloc(), alloc());
                Self::Brotli(Stream::new(Box::new(state)))
            }
            Coding::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new().ok()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).ok()?;
                Self::Zstd(Stream::new(decoder))
            }
        })
    }

    /// Decodes until the input is used up or the output is full; `None` where it cannot be decoded.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Option<Step> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Deflate(stream) => stream.deflate(input, output),
            Self::Brotli(stream) => stream.brotli(input, output),
            Self::Zstd(stream) => stream.zstd(input, output),
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

impl Stream<Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>> {
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
            &mut self.decoder,
        );
        self.is_at_end = matches!(result, BrotliResult::ResultSuccess);
        (!matches!(result, BrotliResult::ResultFailure)).then_some(Step { read, written })
    }
}

impl Stream<zstd::stream::raw::Decoder<'static>> {
    fn zstd(&mut self, input: &[u8], output: &mut [u8]) -> Option<Step> {
        // Asked again it would wait for another frame; there may be one.
        if input.is_empty() && self.is_at_end {
            return OVER;
        }
        let status = self.decoder.run_on_buffers(input, output).ok()?;
        self.is_at_end = status.remaining == 0;
        Some(Step { read: status.bytes_read, written: status.bytes_written })
    }
}
