//! Bodies that are too large to be kept, and layers that do not keep them.

use super::*;
use tower::{Layer, Service};

/// Two frames of five bytes with the overhead per frame; the second is copied into a block of 4 KiB.
const TWO_FRAMES: usize = 5 + 4096 + 2 * 64;

fn two() -> Script {
    Script::new([data("12345"), data("67890"), End])
}

#[test]
fn the_limit_is_exact_to_the_byte() {
    let at = record(&two(), TWO_FRAMES);
    read(&mut reader(&at));
    assert!(at.is_replayable());
    assert_eq!(read(&mut reader(&at)), [got("12345"), got("67890"), Got::End]);

    let over = record(&two(), TWO_FRAMES - 1);
    let mut first = reader(&over);
    let mut clone = first.try_clone().unwrap();
    assert_eq!(poll(&mut first), got("12345"));
    assert!(over.is_replayable());
    // The current reader does not notice.
    assert_eq!(read(&mut first), [got("67890"), Got::End]);
    assert!(!over.is_replayable() && first.try_clone().is_none());
    // No reader gets a body without its start.
    assert_eq!(read(&mut clone), [failed(ReplayError::TooLarge), Got::End]);
}

#[test]
fn many_small_frames_exceed_the_limit() {
    let frames = || Script::new((0..100).map(|_| data("1")).chain([End]));
    for (limit, expected) in [(4097 + 100 * 64, true), (4096 + 100 * 64, false)] {
        let recorded = record(&frames(), limit);
        assert_eq!(read(&mut reader(&recorded)).len(), 101);
        assert_eq!(recorded.is_replayable(), expected, "{limit}");
    }
}

#[test]
fn a_reader_that_exceeded_the_limit_reads_to_the_end() {
    let recorded = record(&Script::new([data("12345"), data("67890"), data("a"), Trailers]), 100);
    let mut first = reader(&recorded);
    assert_eq!(poll(&mut first), got("12345"));
    assert_eq!(poll(&mut first), got("67890"));
    assert_eq!(read(&mut first), [got("a"), Got::Trailers, Got::End]);
}

/// Returns true if a layer records the body of a request.
fn keeps(layer: &ReplayLayer, request: Request<Script>) -> bool {
    let kept = std::cell::Cell::new(None);
    let mut service = layer.layer(tower::service_fn(|request: Request<ReplayBody<Script>>| {
        kept.set(Some(request.body().try_clone().is_some()));
        std::future::ready(Ok::<_, BoxError>(()))
    }));
    drop(service.call(request));
    kept.get().unwrap()
}

#[test]
fn a_body_known_to_be_too_large_is_not_recorded() {
    let layer = ReplayLayer::new().limit(10 + 64);
    assert!(keeps(&layer, Request::new(two().sized())));
    assert!(keeps(&layer, Request::new(two())));
    assert!(keeps(&ReplayLayer::new().limit(0), Request::new(Script::new([End]).sized())));
    assert!(!keeps(&ReplayLayer::new().limit(10 + 63), Request::new(two().sized())));
}

#[test]
fn on_demand_only_requests_that_may_repeat_are_recorded() {
    assert!(!keeps(&ReplayLayer::on_demand(), Request::new(two())));
}
