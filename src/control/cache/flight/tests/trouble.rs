//! Calls and bodies that panic, entries that were stored meanwhile, and memory that runs out.

use std::time::SystemTime;

use http::HeaderMap;

use super::*;
use crate::control::cache::caching::failed;
use crate::control::cache::entry::NewEntry;

pub(super) fn scene() -> Scene {
    Scene::new(0, MemoryCache::new(), BodyBudget::new(150))
}

impl Scene {
    pub(super) fn member(
        &self,
        call: impl Future<Output = CallResult> + Send + 'static,
    ) -> Spawn<Member> {
        let key = (self.target.place.key, self.target.generation);
        task::spawn(self.flights.join(key, 8, Box::pin(call)))
    }

    pub(super) fn answer(&self, body: Frames) -> impl Future<Output = CallResult> + Send + use<> {
        let response = Response::builder()
            .header(header::TRANSFER_ENCODING, "chunked")
            .header(header::CONTENT_TYPE, "audio/mpeg");
        let response = response.body(Box::pin(body) as Source).unwrap();
        let target = self.target.clone();
        async move { answered(response, target, None, Ended::Answered) }
    }
}

pub(super) fn head(member: &mut Spawn<Member>) -> Poll<MemberHead> {
    member.enter(|cx, mut member| member.poll_head(None, false, cx))
}

fn next(member: &mut Spawn<Member>, at: usize) -> Poll<Next> {
    member.enter(|cx, member| member.poll_next(at, cx))
}

fn is_data(polled: &Poll<Next>) -> bool {
    matches!(polled, Poll::Ready(Next::Piece { piece: Piece::Data(_), .. }))
}

fn is_panic(polled: &Poll<Next>) -> bool {
    let Poll::Ready(Next::Piece { piece: Piece::Error(error), .. }) = polled else { return false };
    error.to_string().contains("panicked")
}

/// `.0` frames of `.1` bytes, then a panic.
pub(super) struct Frames(pub(super) usize, pub(super) usize);

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        assert!(self.0 > 0, "no frame is left");
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; self.1])))))
    }
}

#[test]
fn a_call_that_panics_fails_only_its_own_request() {
    let scene = scene();
    let mut polls = 0;
    let mut first = scene.member(poll_fn(move |_| {
        polls += 1;
        assert!(polls < 2, "the second poll");
        Poll::Pending
    }));
    assert!(head(&mut first).is_pending());
    let mut second = scene.member(async { failed("refused".into(), Ended::Failed) });
    // It polls the leader's call, and then makes its own.
    assert!(matches!(head(&mut second), Poll::Ready(MemberHead::Own(_))));
    assert!(first.is_woken());
    assert!(matches!(head(&mut first), Poll::Ready(MemberHead::Panicked)));
}

#[test]
fn a_body_that_panics_breaks_off() {
    let scene = scene();
    let mut first = scene.member(scene.answer(Frames(1, 1)));
    assert!(matches!(head(&mut first), Poll::Ready(MemberHead::Asked(_))));
    let mut second = scene.member(scene.answer(Frames(1, 1)));
    assert!(matches!(head(&mut second), Poll::Ready(MemberHead::Followed(..))));
    assert!(is_data(&next(&mut second, 0)));
    assert!(is_panic(&next(&mut second, 1)));
    assert!(is_data(&next(&mut first, 0)));
    assert!(is_panic(&next(&mut first, 1)));
}

#[test]
fn an_entry_stored_meanwhile_is_served_with_its_age_and_not_joined() {
    let scene = scene();
    let entry = CacheEntry::new(NewEntry {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        frames: Vec::new(),
        times: Vec::new(),
        trailers: None,
        stored_at: SystemTime::now() - Duration::from_secs(100),
        fresh_for: Duration::from_secs(1000),
        stale_for: Duration::ZERO,
    });
    let mut first = scene.member(async { CallResult::Found(entry) });
    let Poll::Ready(MemberHead::Followed(got)) = head(&mut first) else { panic!("no head") };
    assert!(got.age >= Duration::from_secs(100), "{:?}", got.age);
    assert_eq!(scene.flights.count(), 0);
}

#[test]
fn a_slow_leader_is_not_cut_off_for_faster_followers() {
    let scene = scene();
    let mut leader = scene.member(scene.answer(Frames(21, 10_000)));
    assert!(matches!(head(&mut leader), Poll::Ready(MemberHead::Asked(_))));
    let mut fast = scene.member(scene.answer(Frames(1, 1)));
    assert!(matches!(head(&mut fast), Poll::Ready(MemberHead::Followed(..))));
    let mut at = 0;
    while is_data(&next(&mut fast, at)) {
        at += 1;
    }
    assert!((2..10).contains(&at), "{at}");
    for read in 0..20 {
        assert!(is_data(&next(&mut leader, read)), "{read}");
        assert!(read > 0 || fast.is_woken());
    }
    // It has fallen behind, and nobody waits for it.
    let polled = next(&mut fast, at);
    let Poll::Ready(Next::Piece { piece: Piece::Error(error), .. }) = polled else {
        panic!("what it has not read is held")
    };
    assert!(error.to_string().contains("slow reader"));
    drop(fast);

    // If it leaves, the others read on.
    let mut leader = scene.member(scene.answer(Frames(21, 10_000)));
    assert!(matches!(head(&mut leader), Poll::Ready(MemberHead::Asked(_))));
    let mut fast = scene.member(scene.answer(Frames(1, 1)));
    assert!(matches!(head(&mut fast), Poll::Ready(MemberHead::Followed(..))));
    let mut at = 0;
    while is_data(&next(&mut fast, at)) {
        at += 1;
    }
    drop(leader);
    assert!(fast.is_woken());
    for at in at..20 {
        assert!(is_data(&next(&mut fast, at)), "{at}");
    }
}
