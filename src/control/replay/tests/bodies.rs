//! One reader after another.

use super::*;

/// Bodies, and what a reader of each gets.
fn bodies() -> Vec<(Vec<Play>, Vec<Got>)> {
    vec![
        (
            vec![data("ab"), data("c"), data("def"), End],
            vec![got("ab"), got("c"), got("def"), Got::End],
        ),
        (
            vec![data("ab"), data(""), data("c"), Trailers],
            vec![got("ab"), got(""), got("c"), Got::Trailers, Got::End],
        ),
        (vec![Trailers], vec![Got::Trailers, Got::End]),
        (vec![End], vec![Got::End]),
    ]
}

#[test]
fn a_new_reader_gets_everything_wherever_the_first_stopped() {
    for (script, expected) in bodies() {
        for stop in 0..=expected.len() {
            let recorded = record(&Script::new(script.clone()), 10_000);
            let mut first = reader(&recorded);
            let before: Vec<_> = (0..stop).map(|_| poll(&mut first)).collect();
            assert_eq!(before, expected[..stop]);
            let mut second = reader(&recorded);
            assert_eq!(read(&mut second), expected, "after {stop}");
            let rest = read(&mut first);
            match before.last() {
                // It starts only now, and is the last to start.
                None => assert_eq!(rest, expected),
                Some(Got::End | Got::Trailers) => assert_eq!(rest, [Got::End]),
                _ => assert_eq!(rest, [failed(ReplayError::Superseded), Got::End]),
            }
            // A third reader, when the body itself is gone.
            assert_eq!(read(&mut reader(&recorded)), expected);
            assert!(recorded.is_replayable());
        }
    }
}

#[test]
fn a_reader_may_start_while_the_body_arrives() {
    let script = Script::new([data("ab")]);
    let recorded = record(&script, 10_000);
    let mut first = reader(&recorded);
    assert_eq!(read(&mut first), [got("ab")]);
    let mut second = reader(&recorded);
    assert_eq!(read(&mut second), [got("ab")]);
    script.play(data("c"));
    assert_eq!(read(&mut second), [got("c")]);
    script.play(End);
    assert_eq!(read(&mut second), [Got::End]);
    assert_eq!(read(&mut reader(&recorded)), [got("ab"), got("c"), Got::End]);
}

#[test]
fn a_broken_body_is_an_error_for_every_reader() {
    for stop in 0..=2 {
        let recorded = record(&Script::new([data("ab"), data("c"), Error]), 10_000);
        let mut early = reader(&recorded);
        for _ in 0..stop {
            poll(&mut early);
        }
        // Created before, read after.
        let mut clone = early.try_clone().unwrap();
        let mut breaking = reader(&recorded);
        let expected = [got("ab"), got("c"), Got::Error("broken off".into()), Got::End];
        assert_eq!(read(&mut breaking), expected);
        assert!(!recorded.is_replayable() && breaking.try_clone().is_none());
        let expected = [got("ab"), got("c"), failed(ReplayError::Broken), Got::End];
        assert!(!clone.is_end_stream());
        assert_eq!(read(&mut clone), expected);
        assert!(!recorded.is_replayable());
    }
}

#[test]
fn large_frames_are_not_copied() {
    let body = Bytes::from(vec![7; 9000]);
    let frames = [body.slice(..4500), body.slice(4500..)];
    let recorded =
        record(&Script::new(frames.iter().cloned().map(Play::Data).chain([End])), 10_000);
    for _ in 0..3 {
        let mut reader = reader(&recorded);
        for frame in &frames {
            let Got::Data(data) = poll(&mut reader) else { panic!("no data") };
            assert_eq!((data.as_ptr(), data.len()), (frame.as_ptr(), frame.len()));
        }
    }
}

#[test]
fn the_size_hint_is_true_at_each_point() {
    for (is_sized, script) in [
        (true, vec![data("ab"), data("c"), data("def"), End]),
        (false, vec![data("ab"), data("c"), data("def"), End]),
        (true, vec![data("ab"), Trailers]),
        (true, vec![End]),
        (true, vec![data("ab"), Error]),
    ] {
        for stop in 0..=script.len() {
            let body = Script::new(script.clone());
            let recorded = record(&if is_sized { body.sized() } else { body }, 10_000);
            let mut first = reader(&recorded);
            for _ in 0..stop {
                poll(&mut first);
            }
            for _ in 0..2 {
                let mut reader = reader(&recorded);
                loop {
                    let (hint, is_over) = (reader.size_hint(), reader.is_end_stream());
                    let frame = poll(&mut reader);
                    let came = match &frame {
                        Got::Data(data) => data.len() as u64,
                        _ => 0,
                    };
                    assert!(!is_over || frame == Got::End, "{frame:?} behind the end");
                    if is_sized {
                        let left = reader.size_hint().exact().unwrap();
                        assert_eq!(hint.exact(), Some(came + left), "before {frame:?}");
                    }
                    if frame == Got::End {
                        assert_eq!(hint.lower(), 0);
                        assert!(reader.is_end_stream());
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn a_sized_body_is_known_to_be_over_at_its_last_byte() {
    let recorded = record(&Script::new([data("ab"), End]).sized(), 10_000);
    let mut first = reader(&recorded);
    assert!(!first.is_end_stream());
    poll(&mut first);
    assert!(first.is_end_stream());
    assert_eq!(poll(&mut first), Got::End);
    let mut second = reader(&recorded);
    assert_eq!(second.size_hint().exact(), Some(2));
    assert!(!second.is_end_stream());
    poll(&mut second);
    assert!(second.is_end_stream() && second.size_hint().exact() == Some(0));
}

#[test]
fn a_body_that_is_sent_once_passes() {
    let mut body = ReplayBody::once(Script::new([data("ab"), Trailers]).sized());
    assert!(body.try_clone().is_none() && body.size_hint().exact() == Some(2));
    assert_eq!(poll(&mut body), got("ab"));
    assert_eq!((poll(&mut body), poll(&mut body)), (Got::Trailers, Got::End));
}

#[test]
fn a_whole_body_needs_no_recording() {
    let head = KeptHead::of(&Request::new(()), None);
    for body in ["", "abc"] {
        let recorded: Arc<RecordedRequest<Script>> =
            RecordedRequest::of_bytes(head.head(), Bytes::from_static(body.as_bytes()));
        for _ in 0..2 {
            let mut reader = reader(&recorded);
            assert_eq!(reader.size_hint().exact(), Some(body.len() as u64));
            assert_eq!(reader.is_end_stream(), body.is_empty());
            let mut expected = vec![got("abc"), Got::End];
            assert_eq!(read(&mut reader), expected.split_off(usize::from(body.is_empty())));
        }
    }
}
