//! Copies small frames and header values, so that an entry keeps no buffer of its connection alive.
//!
//! Both are slices of those buffers: a few bytes would keep a whole buffer.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::util::budget::SMALL_FRAME;

/// Room for the headers that a hit adds: `age` and the gateway's own. So the copy for a hit need not be
/// rehashed.
const ADDED_HEADERS: usize = 6;

/// The same frames, with each run of small ones copied into one buffer.
pub(super) fn frames(mut frames: Vec<Bytes>) -> Vec<Bytes> {
    for run in frames.chunk_by_mut(|one, other| is_small(one) && is_small(other)) {
        if run.first().is_some_and(is_small) {
            join(run);
        }
    }
    frames.shrink_to_fit();
    frames
}

fn is_small(frame: &Bytes) -> bool {
    frame.len() < SMALL_FRAME
}

fn join(run: &mut [Bytes]) {
    let mut joined = BytesMut::with_capacity(run.iter().map(Bytes::len).sum());
    run.iter().for_each(|frame| joined.extend_from_slice(frame));
    let mut joined = joined.freeze();
    for frame in run {
        *frame = joined.split_to(frame.len());
    }
}

/// The same headers, with all values copied into one buffer.
pub(super) fn headers(lines: &[(&HeaderName, &HeaderValue)]) -> HeaderMap {
    let bytes = lines.iter().map(|(_, value)| value.len()).sum();
    let mut joined = BytesMut::with_capacity(bytes);
    lines.iter().for_each(|(_, value)| joined.extend_from_slice(value.as_bytes()));
    let mut joined = joined.freeze();
    let mut copies = HeaderMap::with_capacity(lines.len() + ADDED_HEADERS);
    for (name, value) in lines {
        // The bytes were a valid value before.
        let Ok(mut copy) = HeaderValue::from_maybe_shared(joined.split_to(value.len())) else {
            continue;
        };
        copy.set_sensitive(value.is_sensitive());
        copies.append(*name, copy);
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_same_and_pin_no_buffer() {
        let buffer = Bytes::from(vec![7; 1 << 16]);
        let of = |at: usize, length| buffer.slice(at..at + length);
        let large = of(200, SMALL_FRAME);
        let all =
            vec![of(0, 100), of(100, 100), Bytes::new(), large.clone(), of(9000, 200), of(1, 1)];
        let expected = all.clone();
        let kept = frames(all);
        assert_eq!(kept, expected);
        let range = buffer.as_ptr_range();
        let is_pinned = |frame: &Bytes| range.contains(&frame.as_ptr());
        assert_eq!(
            kept.iter().map(is_pinned).collect::<Vec<_>>(),
            [false, false, false, true, false, false]
        );
        // One buffer for each run.
        assert_eq!(kept[1].as_ptr(), kept[0].as_ptr().wrapping_add(100));
        assert_eq!(kept[5].as_ptr(), kept[4].as_ptr().wrapping_add(200));
    }

    #[test]
    fn header_values_are_the_same_and_pin_no_buffer() {
        let buffer = Bytes::from(vec![b'x'; 8192]);
        let mut all = HeaderMap::new();
        for at in [0, 10] {
            all.append("x-a", HeaderValue::from_maybe_shared(buffer.slice(at..at + 9)).unwrap());
        }
        all.append("x-b", HeaderValue::from_static(""));
        let copies = headers(&all.iter().collect::<Vec<_>>());
        assert_eq!(copies, all);
        drop(all);
        assert!(buffer.try_into_mut().is_ok() && copies.len() == 3);
    }
}
