//! Splits entries that are too long for one value in Redis.

use std::time::Duration;

use super::generations::random;
use super::names::Name;

/// The maximum length of a value.
pub(super) const CHUNK: usize = 512 << 10;
/// A longer entry is not from this crate.
const MOST_BYTES: usize = 512 << 20;
/// The TTL of chunks before a list names them.
pub(super) const UNLISTED: Duration = Duration::from_secs(60);
const START: &str = "taigchunks1";

/// The list of an entry's chunks: `taigchunks1 ID COUNT BYTES`, which the scripts read, too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    id: String,
    pub(super) bytes: usize,
}

impl Chunks {
    pub(super) fn new(bytes: usize) -> Self {
        Self { id: String::from_utf8_lossy(&random()).into_owned(), bytes }
    }

    pub(super) fn to_text(&self) -> String {
        format!("{START} {} {} {}", self.id, self.count(), self.bytes)
    }

    /// `None` for anything else.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value.get(..value.len().min(128))?).ok()?;
        let mut words = text.strip_prefix(START)?.strip_prefix(' ')?.split(' ');
        let (id, _count, bytes) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let chunks = Self { id: id.to_owned(), bytes };
        (bytes <= MOST_BYTES && chunks.to_text().as_bytes() == value).then_some(chunks)
    }

    pub(super) fn names(&self, entry: &Name) -> impl Iterator<Item = Name> {
        (0..self.count()).map(move |number| {
            let mut name = entry.clone();
            name.extend_from_slice(format!(":{}:{number}", self.id).as_bytes());
            name
        })
    }

    fn count(&self) -> usize {
        self.bytes.div_ceil(CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_of_chunks_as_written_is_parsed() {
        for bytes in [1, CHUNK, CHUNK + 1, 25 << 20] {
            let chunks = Chunks::new(bytes);
            let text = chunks.to_text();
            assert_eq!(Chunks::parse(text.as_bytes()), Some(Chunks { ..chunks }));
            assert_eq!(Chunks::parse(format!("{text} ").as_bytes()), None);
            assert_eq!(Chunks::parse(format!("{text}x").as_bytes()), None);
        }
        for text in ["", "taigchunks1 ab 2 1", "taigchunks1 ab 9 999999999999", "taigcch1"] {
            assert_eq!(Chunks::parse(text.as_bytes()), None, "{text}");
        }
    }
}
