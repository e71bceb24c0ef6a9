//! The binary format of an entry, for stores that keep bytes.
//!
//! ```text
//! magic and version   8      "taigcch1"
//! length              u64    of all, checksum included
//! status              u16
//! stored_at           u64 u32, seconds and nanoseconds since 1970
//! fresh_for           u64 u32
//! stale_for           u64 u32
//! headers             u32, then of each: u16 u32 name value
//! trailers            u8: 0, or 1 and as the headers
//! frames              u32, then a u32 of each: its length
//! times               u8: 0, or 1 and a u32 of each frame
//! data                of all frames
//! checksum            32     SHA-256 of the key, the generation, and all of the above
//! ```
//!
//! Numbers are big-endian.

use std::time::{Duration, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use super::entry::{CacheEntry, NewEntry};
use super::key::CachePlace;
use super::store::Generation;

/// Changes with the format.
const MAGIC: &[u8; 8] = b"taigcch1";
const CHECKSUM: usize = 32;
/// The length of everything that each entry has, and that is as long in all of them.
const FIXED: usize = MAGIC.len() + 8 + 2 + 3 * 12 + 1 + 4 + 1 + CHECKSUM;

impl CacheEntry {
    /// Encodes the entry for a store that keeps bytes. The bytes are valid for this place and this
    /// generation only.
    #[must_use]
    pub fn to_bytes(&self, place: &CachePlace, generation: Generation) -> Vec<u8> {
        let entry = self.parts();
        let mut blob = Vec::with_capacity(self.encoded_len());
        blob.extend_from_slice(MAGIC);
        let length_at = blob.len();
        blob.extend_from_slice(&[0; 8]);
        blob.extend_from_slice(&entry.status.as_u16().to_be_bytes());
        put_duration(&mut blob, entry.stored_at.duration_since(UNIX_EPOCH).unwrap_or_default());
        put_duration(&mut blob, entry.fresh_for);
        put_duration(&mut blob, entry.stale_for);
        put_headers(&mut blob, &entry.headers);
        blob.push(entry.trailers.is_some().into());
        if let Some(trailers) = &entry.trailers {
            put_headers(&mut blob, trailers);
        }
        put_length(&mut blob, entry.frames.len());
        entry.frames.iter().for_each(|frame| put_length(&mut blob, frame.len()));
        blob.push(has_times(entry).into());
        if has_times(entry) {
            entry.times.iter().for_each(|time| blob.extend_from_slice(&time.to_be_bytes()));
        }
        entry.frames.iter().for_each(|frame| blob.extend_from_slice(frame));
        let length = (blob.len() + CHECKSUM) as u64;
        blob[length_at..length_at + 8].copy_from_slice(&length.to_be_bytes());
        let checksum = checksum(&blob, place, generation);
        blob.extend_from_slice(&checksum);
        blob
    }

    /// The length of what [`to_bytes`](Self::to_bytes) returns.
    pub(super) fn encoded_len(&self) -> usize {
        let entry = self.parts();
        let frames: usize = entry.frames.iter().map(|frame| frame.len() + size_of::<u32>()).sum();
        let times = if has_times(entry) { size_of_val(&*entry.times) } else { 0 };
        let trailers = entry.trailers.as_ref().map_or(0, headers_len);
        FIXED + headers_len(&entry.headers) + trailers + frames + times
    }

    /// Decodes the bytes that [`to_bytes`](Self::to_bytes) gave for this place and generation; `None` for
    /// any other bytes. Copies only the headers, and takes little more memory than the bytes have.
    #[must_use]
    pub fn from_bytes(bytes: &Bytes, place: &CachePlace, generation: Generation) -> Option<Self> {
        let body = bytes.slice(..bytes.len().checked_sub(CHECKSUM)?);
        if bytes[body.len()..] != checksum(&body, place, generation) {
            return None;
        }
        let mut rest = body;
        let is_whole = rest.len() >= MAGIC.len() && rest.split_to(MAGIC.len()) == MAGIC[..];
        if !is_whole || number(&mut rest).map(u64::from_be_bytes)? != bytes.len() as u64 {
            return None;
        }
        let status = StatusCode::from_u16(number(&mut rest).map(u16::from_be_bytes)?).ok()?;
        let stored_at = UNIX_EPOCH.checked_add(duration(&mut rest)?)?;
        let fresh_for = duration(&mut rest)?;
        let stale_for = duration(&mut rest)?;
        let headers = headers(&mut rest)?;
        let trailers = match flag(&mut rest)? {
            true => Some(self::headers(&mut rest)?),
            false => None,
        };
        let lengths = numbers(&mut rest)?;
        let times = match flag(&mut rest)? {
            true if !lengths.is_empty() => take(&mut rest, lengths.len())?,
            true => return None,
            false => Vec::new(),
        };
        let mut frames = Vec::with_capacity(lengths.len());
        for length in lengths {
            let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
            frames.push(rest.split_to(length));
        }
        let entry =
            NewEntry { status, headers, frames, times, trailers, stored_at, fresh_for, stale_for };
        rest.is_empty().then(|| Self::new(entry))
    }
}

fn checksum(body: &[u8], place: &CachePlace, generation: Generation) -> [u8; CHECKSUM] {
    let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache entry");
    digest.update(place.key.0);
    digest.update(generation.0.to_be_bytes());
    digest.update(body);
    digest.finalize().into()
}

/// Writes a length over 4 GiB as `u32::MAX`, so that the decoder refuses the blob.
fn put_length(blob: &mut Vec<u8>, length: usize) {
    blob.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_duration(blob: &mut Vec<u8>, duration: Duration) {
    blob.extend_from_slice(&duration.as_secs().to_be_bytes());
    blob.extend_from_slice(&duration.subsec_nanos().to_be_bytes());
}

fn has_times(entry: &NewEntry) -> bool {
    entry.times.len() == entry.frames.len() && !entry.times.is_empty()
}

/// The length of what [`put_headers`] writes.
fn headers_len(headers: &HeaderMap) -> usize {
    let lines = headers.iter().map(|(name, value)| 6 + name.as_str().len() + value.len());
    4 + lines.sum::<usize>()
}

/// Writes headers in the format of an entry.
pub(super) fn put_headers(blob: &mut Vec<u8>, headers: &HeaderMap) {
    put_length(blob, headers.len());
    for (name, value) in headers {
        let name = name.as_str().as_bytes();
        blob.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        put_length(blob, value.len());
        blob.extend_from_slice(name);
        blob.extend_from_slice(value.as_bytes());
    }
}

fn duration(rest: &mut Bytes) -> Option<Duration> {
    let seconds = number(rest).map(u64::from_be_bytes)?;
    let nanos = number(rest).map(u32::from_be_bytes).filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

/// Takes the next bytes.
pub(super) fn number<const N: usize>(rest: &mut Bytes) -> Option<[u8; N]> {
    let bytes = *rest.first_chunk::<N>()?;
    rest.advance(N);
    Some(bytes)
}

fn flag(rest: &mut Bytes) -> Option<bool> {
    match number(rest)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

fn numbers(rest: &mut Bytes) -> Option<Vec<u32>> {
    let count = number(rest).map(u32::from_be_bytes)?;
    take(rest, usize::try_from(count).ok()?)
}

/// Takes `count` numbers.
fn take(rest: &mut Bytes, count: usize) -> Option<Vec<u32>> {
    let bytes = count.checked_mul(4).filter(|bytes| *bytes <= rest.len())?;
    let taken = rest.split_to(bytes);
    let (numbers, _) = taken.as_chunks::<4>();
    Some(numbers.iter().map(|number| u32::from_be_bytes(*number)).collect())
}

/// Reads what [`put_headers`] wrote, and refuses any other encoding of the same headers.
pub(super) fn headers(rest: &mut Bytes) -> Option<HeaderMap> {
    let all = rest.clone();
    let count = number(rest).map(u32::from_be_bytes)?;
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let name_length = usize::from(number(rest).map(u16::from_be_bytes)?);
        let value_length = usize::try_from(number(rest).map(u32::from_be_bytes)?).ok()?;
        if name_length.checked_add(value_length)? > rest.len() {
            return None;
        }
        let name = HeaderName::from_bytes(&rest.split_to(name_length)).ok()?;
        let value = HeaderValue::from_bytes(&rest.split_to(value_length)).ok()?;
        headers.try_append(name, value).ok()?;
    }
    let read = all.len() - rest.len();
    let mut same = Vec::with_capacity(read);
    put_headers(&mut same, &headers);
    (same == all[..read]).then_some(headers)
}

#[cfg(test)]
mod tests;
