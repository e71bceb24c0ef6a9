//! Compares the meter with a simple one on random bodies and streams.

use proptest::prelude::*;

use super::*;

/// A meter that has read `body` in frames of the given lengths, repeated.
pub(super) fn metered_in(format: Format, shape: Shape, body: &[u8], lengths: &[usize]) -> Meter {
    let mut meter = Meter::new(format, shape, Meter::LIMIT);
    let mut rest = body;
    for length in lengths.iter().cycle() {
        let (frame, after) = rest.split_at((*length).min(rest.len()));
        meter.push(frame);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    meter.finish();
    meter
}

fn read_in(format: Format, shape: Shape, body: &[u8], lengths: &[usize]) -> Reading {
    Reading::of(&metered_in(format, shape, body, lengths))
}

fn frames() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![0_usize..5, 0_usize..300, Just(100_000)];
    prop::collection::vec(length, 1..8).prop_map(|mut lengths| {
        lengths.push(7);
        lengths
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn streams_are_read_as_by_the_reference(
        shape in generate::shape(),
        events in generate::stream(),
        frames in frames(),
    ) {
        let expected = reference::stream(shape, &events);
        let stream = events.concat();
        prop_assert_eq!(&read_in(Format::Sse, shape, stream.as_bytes(), &frames), &expected);
        prop_assert_eq!(&read(Format::Sse, shape, stream.as_bytes(), usize::MAX), &expected);
    }

    #[test]
    fn bodies_are_read_as_by_the_reference(
        shape in generate::shape(),
        object in generate::object(),
        spelling in generate::spelling(),
        frames in frames(),
    ) {
        let mut body = String::new();
        spelling.write(&object, &mut body);
        let expected = reference::body(shape, &body);
        prop_assert_eq!(read_in(Format::Json, shape, body.as_bytes(), &frames), expected);
    }
}
