//! Encoded entries are decoded, and damaged bytes are a miss.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::key::{CacheKey, CacheScope};
use super::*;

fn place(key: u8) -> CachePlace {
    let scope = CacheScope([0; 16]);
    CachePlace {
        key: CacheKey([key; 32]),
        gateway: scope,
        provider: scope,
        model: scope,
        custom: None,
    }
}

const GENERATION: Generation = Generation(7);

fn encode(entry: NewEntry) -> Vec<u8> {
    CacheEntry::new(entry).to_bytes(&place(1), GENERATION)
}

fn decode(bytes: impl Into<Bytes>) -> Option<CacheEntry> {
    CacheEntry::from_bytes(&bytes.into(), &place(1), GENERATION)
}

/// Adds a valid checksum.
fn sign(body: &[u8]) -> Vec<u8> {
    let sum = checksum(body, &place(1), GENERATION);
    [body, &sum].concat()
}

fn header_maps() -> impl Strategy<Value = HeaderMap> {
    let value = vec(0x20..0x7f_u8, 0..20).prop_map(|text| HeaderValue::from_bytes(&text).unwrap());
    let name = "[a-c][a-z0-9-]{0,2}".prop_map(|name| name.parse::<HeaderName>().unwrap());
    vec((name, value), 0..8).prop_map(|pairs| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    })
}

fn entries() -> impl Strategy<Value = NewEntry> {
    let duration = || (0..1_u64 << 40, 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n));
    let frames = vec(vec(any::<u8>(), 0..40).prop_map(Bytes::from), 0..6);
    (
        200..600_u16,
        header_maps(),
        frames,
        any::<Option<u32>>(),
        proptest::option::of(header_maps()),
        (0..1_u64 << 35, 0..10_000_000_u32),
        (duration(), duration()),
    )
        .prop_map(|(status, headers, frames, time, trailers, at, (fresh_for, stale_for))| {
            let times =
                time.map(|time| (0..frames.len() as u32).map(|n| time.wrapping_add(n)).collect());
            NewEntry {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                frames,
                times: times.unwrap_or_default(),
                trailers,
                stored_at: UNIX_EPOCH + Duration::new(at.0, at.1 * 100),
                fresh_for,
                stale_for,
            }
        })
}

proptest! {
    #[test]
    fn an_encoded_entry_is_decoded(entry in entries()) {
        let (text, entry) = (format!("{entry:?}"), CacheEntry::new(entry));
        let blob = entry.to_bytes(&place(1), GENERATION);
        prop_assert_eq!(blob.len(), entry.encoded_len());
        let decoded = decode(blob).unwrap();
        prop_assert_eq!(format!("{:?}", decoded.parts()), text);
    }

    #[test]
    fn one_bit_flipped_anywhere_is_a_miss(entry in entries()) {
        let mut blob = encode(entry);
        for bit in 0..8 * blob.len() {
            blob[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(blob.clone()).is_none(), "{bit}");
            blob[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_cut_or_extended_blob_is_a_miss(entry in entries(), more in vec(any::<u8>(), 1..40)) {
        let blob = encode(entry);
        for length in 0..blob.len() {
            prop_assert!(decode(blob[..length].to_vec()).is_none());
        }
        prop_assert!(decode([&*blob, &more].concat()).is_none());
        // Even with a valid checksum.
        let body = &blob[..blob.len() - CHECKSUM];
        prop_assert!(decode(sign(&[body, &more].concat())).is_none());
        for length in 0..body.len() {
            prop_assert!(decode(sign(&body[..length])).is_none());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300), entry in entries(), at in any::<prop::sample::Index>(), byte: u8) {
        prop_assert!(decode(bytes.clone()).is_none());
        let _ = decode(sign(&bytes));
        // If the changed bytes are still an entry, it encodes to exactly these bytes.
        let mut blob = encode(entry);
        blob.truncate(blob.len() - CHECKSUM);
        let at = at.index(blob.len());
        blob[at] = byte;
        let blob = sign(&blob);
        if let Some(entry) = decode(blob.clone()) {
            prop_assert_eq!(entry.to_bytes(&place(1), GENERATION), blob);
        }
    }

    #[test]
    fn a_blob_is_valid_for_one_place_and_one_generation(entry in entries(), other in 8_u64..) {
        let blob = Bytes::from(encode(entry));
        prop_assert!(CacheEntry::from_bytes(&blob, &place(2), GENERATION).is_none());
        prop_assert!(CacheEntry::from_bytes(&blob, &place(1), Generation(other)).is_none());
    }
}

#[test]
fn a_false_count_takes_no_memory() {
    let entry = NewEntry {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        frames: Vec::new(),
        times: Vec::new(),
        trailers: None,
        stored_at: UNIX_EPOCH,
        fresh_for: Duration::ZERO,
        stale_for: Duration::ZERO,
    };
    let mut blob = encode(entry);
    blob.truncate(blob.len() - CHECKSUM);
    // Of headers, and of frames.
    for at in [blob.len() - 10, blob.len() - 5] {
        let mut blob = blob.clone();
        blob[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(decode(sign(&blob)).is_none());
    }
}
