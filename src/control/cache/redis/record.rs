//! The wire format of a recording: batches of parts, each with a number and a checksum.
//!
//! ```text
//! number      u64
//! parts       of each: u8 kind, u32 length, content
//! checksum    16    of SHA-256 over the key, the token and all of the above
//! ```

use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::control::cache::blob::{headers, number, put_headers};
use crate::control::cache::key::CacheKey;

const CHECKSUM: usize = 16;
const HEAD: u8 = 1;
const DATA: u8 = 2;
const END: u8 = 3;
const END_WITH_TRAILERS: u8 = 4;

/// A part of a response.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Head(StatusCode, HeaderMap),
    Data(Bytes),
    End(Option<HeaderMap>),
}

impl Part {
    /// The length of its data in bytes.
    pub(super) fn data(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Head(..) | Self::End(_) => 0,
        }
    }
}

/// Builds a batch.
pub(super) struct Batch(Vec<u8>);

impl Batch {
    pub(super) fn new(number: u64) -> Self {
        Self(number.to_be_bytes().into())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, part: &Part) {
        match part {
            Part::Head(status, headers) => self.part(HEAD, |bytes| {
                bytes.extend_from_slice(&status.as_u16().to_be_bytes());
                put_headers(bytes, headers);
            }),
            Part::Data(data) => self.part(DATA, |bytes| bytes.extend_from_slice(data)),
            Part::End(None) => self.part(END, |_| {}),
            Part::End(Some(trailers)) => {
                self.part(END_WITH_TRAILERS, |bytes| put_headers(bytes, trailers));
            }
        }
    }

    fn part(&mut self, kind: u8, put: impl FnOnce(&mut Vec<u8>)) {
        self.0.push(kind);
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        put(&mut self.0);
        let length = u32::try_from(self.0.len() - at - 4).unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn finish(mut self, key: CacheKey, token: &[u8]) -> Vec<u8> {
        let checksum = checksum(&self.0, key, token);
        self.0.extend_from_slice(&checksum);
        self.0
    }
}

fn checksum(batch: &[u8], key: CacheKey, token: &[u8]) -> [u8; CHECKSUM] {
    let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache recording");
    digest.update(key.0);
    digest.update((token.len() as u64).to_be_bytes());
    digest.update(token);
    digest.update(batch);
    let digest: [u8; 32] = digest.finalize().into();
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&digest[..CHECKSUM]);
    checksum
}

/// The parts of the batch with this number; `None` for anything else.
pub(super) fn parts(batch: &Bytes, at: u64, key: CacheKey, token: &[u8]) -> Option<Vec<Part>> {
    let mut rest = batch.slice(..batch.len().checked_sub(CHECKSUM)?);
    if batch[rest.len()..] != checksum(&rest, key, token)
        || number(&mut rest).map(u64::from_be_bytes)? != at
    {
        return None;
    }
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let [kind] = number(&mut rest)?;
        let length = usize::try_from(number(&mut rest).map(u32::from_be_bytes)?).ok()?;
        if length > rest.len() {
            return None;
        }
        let mut content = rest.split_to(length);
        parts.push(match kind {
            HEAD => {
                let status = number(&mut content).map(u16::from_be_bytes)?;
                Part::Head(StatusCode::from_u16(status).ok()?, headers(&mut content)?)
            }
            DATA => Part::Data(content.split_to(length)),
            END => Part::End(None),
            END_WITH_TRAILERS => Part::End(Some(headers(&mut content)?)),
            _ => return None,
        });
        if content.has_remaining() {
            return None;
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CacheKey = CacheKey([1; 32]);

    #[test]
    fn a_batch_is_read_as_written_and_any_changed_bit_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "text/event-stream".parse().unwrap());
        let all = [
            Part::Head(StatusCode::OK, headers.clone()),
            Part::Data(Bytes::from_static(b"data: 1\n\n")),
            Part::Data(Bytes::new()),
            Part::End(None),
            Part::End(Some(headers)),
        ];
        let mut batch = Batch::new(7);
        all.iter().for_each(|part| batch.push(part));
        let batch = batch.finish(KEY, b"1-ab");
        let read = |batch: &[u8]| parts(&Bytes::copy_from_slice(batch), 7, KEY, b"1-ab");
        assert_eq!(read(&batch).unwrap(), all);
        for bit in 0..8 * batch.len() {
            let mut batch = batch.clone();
            batch[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&batch), None, "{bit}");
        }
        for length in 0..batch.len() {
            assert_eq!(read(&batch[..length]), None);
        }
        let batch = Bytes::from(batch);
        assert_eq!(parts(&batch, 8, KEY, b"1-ab"), None, "another number");
        assert_eq!(parts(&batch, 7, CacheKey([2; 32]), b"1-ab"), None, "another key");
        assert_eq!(parts(&batch, 7, KEY, b"2-ab"), None, "another token");
    }
}
