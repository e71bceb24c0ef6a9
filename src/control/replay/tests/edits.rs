//! Replaces the model that the body names.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

const BODY: &[u8] = br#"{"messages":[{"role":"user","content":"hi"}],"model":"grok-4-fast","n":1}"#;

fn changed(
    recorded: &Arc<RecordedRequest<Script>>,
    cut: std::ops::Range<usize>,
    insert: &str,
) -> Arc<RecordedRequest<Script>> {
    let edit =
        Edit { cut: cut.start as u64..cut.end as u64, insert: Bytes::from(insert.to_owned()) };
    recorded.with_edits(recorded.head.head(), vec![edit])
}

proptest! {
    #[test]
    fn all_other_bytes_stay_unchanged_in_any_split(
        cuts in prop::collection::vec(any::<Index>(), 0..8),
        insert in prop_oneof![Just(""), Just("m"), Just("grok-4-fast"), Just("a-name-that-is-longer")],
        stop in 0_usize..10,
        is_sized in any::<bool>(),
        has_trailers in any::<bool>(),
    ) {
        let model = BODY.windows(11).position(|bytes| bytes == b"grok-4-fast").unwrap();
        let cut = model..model + 11;
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(BODY.len() + 1)).collect();
        cuts.extend([0, BODY.len()]);
        cuts.sort_unstable();
        let frames = cuts.windows(2).map(|ends| Play::Data(Bytes::from_static(&BODY[ends[0]..ends[1]])));
        let script = Script::new(frames.chain([if has_trailers { Trailers } else { End }]));
        let recorded = record(&if is_sized { script.sized() } else { script }, 100_000);
        let mut first = reader(&recorded);
        for _ in 0..stop {
            poll(&mut first);
        }
        let mut second = reader(&changed(&recorded, cut.clone(), insert));
        let expected = [&BODY[..model], insert.as_bytes(), &BODY[cut.end..]].concat();
        let mut bytes = Vec::new();
        let mut trailers = 0;
        loop {
            let left = (expected.len() - bytes.len()) as u64;
            let hint = second.size_hint();
            prop_assert!(hint.lower() <= left && hint.upper().is_none_or(|upper| upper >= left));
            if is_sized {
                prop_assert_eq!(hint.exact(), Some(left));
            }
            let is_over = second.is_end_stream();
            match poll(&mut second) {
                Got::Data(data) => {
                    prop_assert!(!is_over);
                    bytes.extend_from_slice(&data);
                }
                Got::Trailers => trailers += 1,
                Got::End => break,
                other => panic!("{other:?}"),
            }
        }
        prop_assert_eq!(bytes, expected);
        prop_assert_eq!(trailers, usize::from(has_trailers));
        // The original body is unchanged.
        let whole: Vec<_> = read(&mut reader(&recorded)).into_iter().flat_map(|got| match got {
            Got::Data(data) => data.to_vec(),
            _ => Vec::new(),
        }).collect();
        prop_assert_eq!(whole, BODY);
    }
}

#[test]
fn unchanged_frames_are_not_copied() {
    let body = Bytes::from_static(BODY);
    let recorded = record(&Script::new([Play::Data(body.clone()), End]), 10_000);
    let mut reader = reader(&changed(&recorded, 54..65, "m"));
    let Got::Data(head) = poll(&mut reader) else { panic!("no data") };
    assert_eq!(head.as_ptr(), body.as_ptr());
    assert_eq!(poll(&mut reader), got("m"));
    let Got::Data(tail) = poll(&mut reader) else { panic!("no data") };
    assert_eq!(tail.as_ptr(), body[65..].as_ptr());
}
