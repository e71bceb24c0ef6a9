//! The gzip format (RFC 1952): members one behind the other, in any split.

use flate2::{Crc, Decompress};

use super::codec::{Step, inflate};

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Where the flags stand in the fixed part of a header, and how long that is.
const FLAGS: usize = 3;
const FIXED: usize = 10;

const HEADER_CHECK: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Fixed {
        passed: usize,
    },
    ExtraLength,
    ExtraLengthHigh {
        low: u8,
    },
    Skip {
        left: u16,
    },
    /// A name or a comment, up to its zero.
    Text,
    Body,
    /// The checksum and the length.
    Trailer {
        passed: usize,
    },
}

pub(super) struct Gzip {
    part: Part,
    /// The parts of the header that are still to come.
    flags: u8,
    inflate: Decompress,
    check: Crc,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Fixed { passed: 0 },
            flags: 0,
            inflate: Decompress::new(false),
            check: Crc::new(),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.part == Part::Fixed { passed: 0 }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Option<Step> {
        let mut read = 0;
        while self.part != Part::Body {
            let Some(byte) = input.get(read) else { return Some(Step { read, written: 0 }) };
            self.around(*byte)?;
            read += 1;
        }
        let (step, is_over) = inflate(&mut self.inflate, &input[read..], output)?;
        self.check.update(&output[..step.written]);
        if is_over {
            self.part = Part::Trailer { passed: 0 };
        }
        Some(Step { read: read + step.read, written: step.written })
    }

    /// A byte of a header or trailer.
    fn around(&mut self, byte: u8) -> Option<()> {
        match self.part {
            Part::Fixed { passed } => {
                if MAGIC.get(passed).is_some_and(|expected| *expected != byte) {
                    return None;
                }
                if passed == FLAGS {
                    self.flags = byte;
                }
                if self.flags & RESERVED != 0 {
                    return None;
                }
                self.part = Part::Fixed { passed: passed + 1 };
                if passed + 1 == FIXED {
                    self.next_part();
                }
            }
            Part::ExtraLength => self.part = Part::ExtraLengthHigh { low: byte },
            Part::ExtraLengthHigh { low } => match u16::from_le_bytes([low, byte]) {
                0 => self.next_part(),
                left => self.part = Part::Skip { left },
            },
            Part::Skip { left: 1 } => self.next_part(),
            Part::Skip { left } => self.part = Part::Skip { left: left - 1 },
            Part::Text if byte == 0 => self.next_part(),
            Part::Text | Part::Body => {}
            Part::Trailer { passed } => {
                let trailer = [self.check.sum().to_le_bytes(), self.check.amount().to_le_bytes()];
                if trailer.as_flattened().get(passed) != Some(&byte) {
                    return None;
                }
                self.part = Part::Trailer { passed: passed + 1 };
                if passed + 1 == trailer.as_flattened().len() {
                    self.part = Part::Fixed { passed: 0 };
                    self.inflate.reset(false);
                    self.check.reset();
                }
            }
        }
        Some(())
    }

    fn next_part(&mut self) {
        let parts = [
            (EXTRA, Part::ExtraLength),
            (NAME, Part::Text),
            (COMMENT, Part::Text),
            (HEADER_CHECK, Part::Skip { left: 2 }),
        ];
        let next = parts.into_iter().find(|(flag, _)| self.flags & flag != 0);
        let (flag, part) = next.unwrap_or((0, Part::Body));
        self.flags &= !flag;
        self.part = part;
    }
}
