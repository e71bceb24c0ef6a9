//! Captures strings of a document until it ends.

/// Captures a string that arrives in parts.
pub(super) trait Text {
    /// Starts a string. It replaces one of the same or a lower rank.
    fn begin(&mut self, rank: u8);

    /// Adds a part of the current string.
    fn extend(&mut self, part: &[u8]);
}

/// The raw inside of a JSON string, up to `LONGEST` bytes. Reuses its memory.
#[derive(Debug, Default)]
pub(super) struct Captured<const LONGEST: usize> {
    raw: Vec<u8>,
    /// The rank of the captured string; 0 if there is none.
    rank: u8,
    is_cut: bool,
    /// The current string has a lower rank.
    ignores: bool,
}

impl<const LONGEST: usize> Text for Captured<LONGEST> {
    fn begin(&mut self, rank: u8) {
        self.ignores = rank < self.rank;
        if !self.ignores {
            self.clear();
            self.rank = rank;
        }
    }

    fn extend(&mut self, part: &[u8]) {
        if self.ignores {
            return;
        }
        let room = LONGEST - self.raw.len();
        self.is_cut |= part.len() > room;
        let part = &part[..part.len().min(room)];
        if self.raw.capacity() == 0 {
            // Exactly as long as needed, so that `take` need not shrink it.
            self.raw = part.to_vec();
        } else {
            self.raw.extend_from_slice(part);
        }
    }
}

impl<const LONGEST: usize> Captured<LONGEST> {
    pub(super) fn clear(&mut self) {
        self.raw.clear();
        self.rank = 0;
        self.is_cut = false;
    }

    /// The string, unless it was too long.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.head().filter(|_| !self.is_cut)
    }

    /// Takes what was captured.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let raw = std::mem::take(&mut self.raw);
        self.clear();
        raw
    }

    /// The start of the string.
    pub(super) fn head(&self) -> Option<&[u8]> {
        (self.rank > 0).then_some(&self.raw[..])
    }
}

/// Captures short words inline, without allocating.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short<const LONGEST: usize> {
    raw: [u8; LONGEST],
    /// More than `LONGEST` for longer words.
    length: u8,
    rank: u8,
    ignores: bool,
}

/// A word in a usage object or beside it.
pub(super) type Word = Short<30>;

impl<const LONGEST: usize> Default for Short<LONGEST> {
    fn default() -> Self {
        Self { raw: [0; LONGEST], length: 0, rank: 0, ignores: false }
    }
}

impl<const LONGEST: usize> Text for Short<LONGEST> {
    fn begin(&mut self, rank: u8) {
        self.ignores = rank < self.rank;
        if !self.ignores {
            self.length = 0;
            self.rank = rank;
        }
    }

    fn extend(&mut self, part: &[u8]) {
        if self.ignores {
            return;
        }
        let start = usize::from(self.length);
        match self.raw.get_mut(start..start + part.len()) {
            Some(room) => {
                room.copy_from_slice(part);
                self.length += part.len() as u8;
            }
            None => self.length = u8::MAX,
        }
    }
}

impl<const LONGEST: usize> Short<LONGEST> {
    pub(super) fn clear(&mut self) {
        self.rank = 0;
    }

    pub(super) fn set(&mut self, word: &[u8]) {
        self.rank = 0;
        self.begin(1);
        self.extend(word);
    }

    /// The string, unless it was too long.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.raw.get(..usize::from(self.length)).filter(|_| self.rank > 0)
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.whole() == Some(word.as_bytes())
    }
}
