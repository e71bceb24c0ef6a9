//! Several readers at once, and which one is woken.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Copy, Debug)]
enum Act {
    /// The body continues with a frame.
    Play,
    Begin,
    Poll(Index),
    /// Another task reads the whole body to look at it.
    Look,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Play),
        1 => Just(Act::Begin),
        5 => any::<Index>().prop_map(Act::Poll),
        1 => Just(Act::Look),
    ];
    prop::collection::vec(act, 0..40)
}

proptest! {
    #[test]
    fn each_reader_gets_a_prefix_or_an_error_and_the_last_everything(
        lengths in prop::collection::vec(0_usize..5, 0..8),
        ending in prop_oneof![Just(End), Just(Trailers)],
        acts in acts(),
    ) {
        let whole = Bytes::from_iter(0..100);
        let mut at = 0;
        let frames: Vec<_> = lengths.iter().map(|length| {
            at += length;
            whole.slice(at - length..at)
        }).collect();
        let mut left: VecDeque<_> = frames.iter().cloned().map(Play::Data).chain([ending.clone()]).collect();
        let script = Script::default();
        let recorded = record(&script, 100_000);
        let mut readers = vec![(reader(&recorded), Vec::<Bytes>::new(), false)];
        let step = |readers: &mut Vec<(ReplayBody<Script>, Vec<Bytes>, bool)>, at: usize| {
            let last = readers.len() - 1;
            let (body, got, is_over) = &mut readers[at];
            match poll(body) {
                Got::Data(data) => {
                    // The same frame, at the same position.
                    assert_eq!(data, frames[got.len()]);
                    got.push(data);
                }
                Got::Error(error) => {
                    assert_eq!(error, ReplayError::Superseded.to_string());
                    assert!(at < last, "the last one fails");
                    *is_over = true;
                }
                Got::End => {
                    assert!(*is_over || got.len() == frames.len(), "it ends too early");
                    *is_over = true;
                }
                Got::Trailers => assert_eq!(got.len(), frames.len()),
                Got::Pending => return false,
            }
            true
        };
        step(&mut readers, 0);
        for act in acts {
            match act {
                Act::Play => left.pop_front().into_iter().for_each(|frame| script.play(frame)),
                Act::Begin if readers.len() < 3 => {
                    readers.push((reader(&recorded), Vec::new(), false));
                    // It becomes the current reader with its first poll.
                    let last = readers.len() - 1;
                    step(&mut readers, last);
                }
                Act::Begin => {}
                Act::Poll(at) => {
                    let at = at.index(readers.len());
                    step(&mut readers, at);
                }
                Act::Look => {
                    let _ = recorded.recording().poll_whole(&mut Context::from_waker(Waker::noop()));
                }
            }
        }
        left.into_iter().for_each(|frame| script.play(frame));
        let last = readers.len() - 1;
        while !readers[last].2 {
            assert!(step(&mut readers, last), "all is there, and it waits");
        }
        prop_assert_eq!(readers[last].1.len(), frames.len());
        prop_assert!(recorded.is_replayable());
    }
}

#[test]
fn a_superseded_reader_is_woken() {
    let recorded = record(&Script::new([data("ab")]), 10_000);
    let (woken, mut first) = (Arc::<Woken>::default(), reader(&recorded));
    let waker = Waker::from(woken.clone());
    poll_with(&mut first, &waker);
    assert_eq!(poll_with(&mut first, &waker), Got::Pending);
    let mut second = reader(&recorded);
    assert_eq!(woken.count(), 0);
    poll(&mut second);
    assert_eq!(woken.count(), 1);
    assert_eq!(poll_with(&mut first, &waker), failed(ReplayError::Superseded));
}

#[test]
fn reading_the_whole_body_does_not_stop_the_reader() {
    let script = Script::new([data("ab")]);
    let recorded = record(&script, 10_000);
    let [reading, looking] = [(); 2].map(|()| Arc::<Woken>::default());
    let [reads, looks] = [&reading, &looking].map(|woken| Waker::from(woken.clone()));
    let mut reader = reader(&recorded);
    poll(&mut reader);
    assert_eq!(poll_with(&mut reader, &reads), Got::Pending);
    let look = || recorded.recording().poll_whole(&mut Context::from_waker(&looks));
    assert!(look().is_pending());
    // Both are woken: either of them may be gone.
    script.play(data("c"));
    assert_eq!((reading.count(), looking.count()), (1, 1));
    assert!(look().is_pending());
    assert_eq!(poll_with(&mut reader, &reads), got("c"));
    assert_eq!(poll_with(&mut reader, &reads), Got::Pending);
    script.play(End);
    assert_eq!((reading.count(), looking.count()), (2, 2));
    assert_eq!(poll_with(&mut reader, &reads), Got::End);
    let Poll::Ready(Some(frames)) = look() else { panic!("it is whole") };
    assert_eq!(frames.concat(), b"abc");
}

#[test]
fn a_body_that_was_not_kept_has_no_whole() {
    for script in [vec![data("12345"), data("67890"), End], vec![data("12345"), Error]] {
        let recorded = record(&Script::new(script), 100);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(recorded.recording().poll_whole(&mut cx), Poll::Ready(None));
        assert_eq!(recorded.recording().poll_whole(&mut cx), Poll::Ready(None));
    }
}
