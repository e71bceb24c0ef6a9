//! Requests, and the flights that they share.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};
use loom::future::block_on;
use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};
use tower::BoxError;

use super::counts::NotStored;
use super::entry::CacheEntry;
use super::flight::{Call, CallResult, Ended, Flights, MemberHead, Member, Next, Own};
use super::key::CacheKey;
use super::metered::Metered;
use super::provider::{Provider, Verdict};
use super::recording::{Piece, Recording};
use super::store::Generation;
use super::storing::{Head, Place, Storing};
use crate::util::budget::BodyBudget;

const KEY: CacheKey = CacheKey([0; 32]);

/// Every answer: a frame for each byte.
pub(super) const WHOLE: [u8; 2] = [1, 2];

/// What requests, their flights and the provider share.
#[derive(Clone)]
pub(super) struct Scene {
    flights: Arc<Flights>,
    provider: Arc<Mutex<Provider>>,
    place: Place,
    budget: BodyBudget,
    /// Whether answers are stored.
    pub(super) is_stored: bool,
    /// Whether other processes read them.
    pub(super) is_followed: bool,
}

/// How a request has got all of the answer, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Got {
    Found,
    Asked,
    Followed,
    /// Something for itself alone.
    Own,
    /// What others get is not for it.
    Nothing,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            flights: Arc::new(Flights::new(Arc::default())),
            provider: Arc::default(),
            place: Place::default(),
            budget: BodyBudget::new(10_000),
            is_stored: true,
            is_followed: false,
        }
    }

    /// The provider goes on. Others may see that before the wake-up.
    pub(super) fn goes_on(&self, how: impl FnOnce(&mut Provider)) {
        how(&mut self.provider.lock().unwrap());
        let waiting = std::mem::take(&mut self.provider.lock().unwrap().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// It answers a call.
    pub(super) fn answers(&self) {
        self.goes_on(|provider| provider.verdicts.push_back(Verdict::Answer));
    }

    /// It gives something that is for the one alone that has asked.
    pub(super) fn refuses(&self, ended: Ended) {
        self.goes_on(|provider| provider.verdicts.push_back(Verdict::Own(ended)));
    }

    /// Another process has a response, and does not share it.
    pub(super) fn does_not_share(&self) {
        self.goes_on(|provider| provider.verdicts.push_back(Verdict::Unshared));
    }

    /// It sends all of the body.
    pub(super) fn sends(&self) {
        for _ in 0..=WHOLE.len() {
            self.goes_on(|provider| provider.frames += 1);
        }
    }

    fn stored(&self) -> Option<CacheEntry> {
        self.place.lock().unwrap().clone()
    }

    /// Waits for other threads.
    pub(super) fn until(&self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            thread::yield_now();
        }
    }

    pub(super) fn has_stored(&self) -> bool {
        self.stored().is_some()
    }

    /// What asks the provider. `closed`: how many flights had closed before the store was looked into.
    async fn call(self, closed: u64) -> CallResult {
        if self.flights.closed(KEY) != closed
            && let Some(entry) = self.stored()
        {
            return CallResult::Found(entry);
        }
        self.provider.lock().unwrap().calls += 1;
        let open = Open::new(&self);
        let verdict = poll_fn(|cx| {
            let mut provider = self.provider.lock().unwrap();
            let verdict = provider.verdicts.pop_front();
            provider.poll(verdict, cx)
        });
        match verdict.await {
            Verdict::Answer => {}
            Verdict::Own(ended) => {
                let result = Err("for nobody else".into());
                return CallResult::Own(Box::new(Own { result, ended, why: NotStored::Failed }));
            }
            Verdict::Unshared => {
                self.provider.lock().unwrap().calls -= 1;
                return CallResult::Unshared(self.asks(closed));
            }
        }
        let head = Head { status: StatusCode::OK, headers: HeaderMap::new() };
        let source = Box::pin(Answer { open, at: 0 });
        let place = self.place.clone();
        let storing = Box::new(Storing { place, is_whole: false, is_followed: self.is_followed });
        let beside = self.is_stored.then_some((storing, Metered));
        let recording = Recording::new(head, source, beside, self.budget.share(), 1000);
        let (parts, ()) = Response::new(()).into_parts();
        CallResult::Shared { head: Some(Box::new(parts)), recording: Box::new(recording) }
    }

    fn asks(&self, closed: u64) -> Call {
        Box::pin(self.clone().call(closed))
    }

    fn join(&self, closed: u64) -> Member {
        self.flights.join((KEY, Generation(0)), 8, self.asks(closed))
    }

    /// A request, from its look into the store to the end of its answer.
    pub(super) fn request(&self) -> Got {
        let closed = self.flights.closed(KEY);
        match self.stored() {
            Some(entry) => {
                assert_eq!(entry.parts().frames.concat(), WHOLE);
                Got::Found
            }
            None => all(self.join(closed)),
        }
    }

    /// The same from a thread of its own.
    pub(super) fn spawn(&self) -> JoinHandle<Got> {
        let scene = self.clone();
        thread::spawn(move || scene.request())
    }

    /// One that takes part, and has been polled for its head once.
    pub(super) fn member(&self) -> (Member, Poll<MemberHead>) {
        let mut member = self.join(self.flights.closed(KEY));
        let headed = now(|cx| member.poll_head(None, false, cx));
        (member, headed)
    }

    /// The first one, whose call has been answered.
    pub(super) fn leader(&self) -> Member {
        let (member, headed) = self.member();
        assert!(matches!(headed, Poll::Ready(MemberHead::Asked(_))));
        member
    }

    pub(super) fn calls(&self) -> usize {
        self.provider.lock().unwrap().calls
    }

    /// How many flights have closed whose answer may be stored.
    pub(super) fn closed(&self) -> u64 {
        self.flights.closed(KEY)
    }

    /// After so many calls nothing is left: no flight, no call or body, and not one byte.
    pub(super) fn finish(self, calls: usize) {
        *self.place.lock().unwrap() = None;
        if self.is_followed {
            // A thread may still store what it has read.
            self.until(|scene| {
                *scene.place.lock().unwrap() = None;
                scene.budget.used() == 0 && scene.provider.lock().unwrap().open == 0
            });
        }
        let provider = self.provider.lock().unwrap();
        assert_eq!((provider.calls, provider.open), (calls, 0));
        assert_eq!((self.flights.count(), self.flights.counts.followers.get()), (0, 0));
        assert_eq!(self.budget.used(), 0);
    }
}

/// A call or a body that was not dropped.
struct Open(Scene);

impl Open {
    fn new(scene: &Scene) -> Self {
        scene.provider.lock().unwrap().open += 1;
        Self(scene.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.provider.lock().unwrap().open -= 1;
    }
}

struct Answer {
    open: Open,
    at: usize,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let at = self.at;
        let polled = {
            let mut provider = self.open.0.provider.lock().unwrap();
            let frame = (at < provider.frames).then(|| WHOLE.get(at));
            provider.poll(frame, cx)
        };
        self.at += usize::from(polled.is_ready());
        polled.map(|byte| byte.map(|byte| Ok(Frame::data(Bytes::copy_from_slice(&[*byte])))))
    }
}

/// Polls once.
pub(super) fn now<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    block_on(poll_fn(|cx| Poll::Ready(poll(cx))))
}

/// Waits for the head.
pub(super) fn head(member: &mut Member) -> Got {
    match block_on(poll_fn(|cx| member.poll_head(None, false, cx))) {
        MemberHead::Asked(_) => Got::Asked,
        MemberHead::Followed(..) => Got::Followed,
        MemberHead::Own(_) => Got::Own,
        MemberHead::Unfit => Got::Nothing,
        MemberHead::Failed | MemberHead::Panicked => panic!("nothing did"),
    }
}

/// Waits for the head, and reads every byte in its order. It asks alone where the others' is not for it.
pub(super) fn all(mut member: Member) -> Got {
    let mut got = head(&mut member);
    if got == Got::Nothing {
        member = member.leave().expect("it has a call of its own");
        got = head(&mut member);
    }
    if got != Got::Own {
        assert_eq!(block_on(body(&member)), WHOLE);
    }
    got
}

pub(super) async fn body(member: &Member) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        match poll_fn(|cx| member.poll_next(read.len(), cx)).await {
            Next::Piece { piece: Piece::Data(data), .. } => read.extend_from_slice(&data),
            Next::Piece { piece: Piece::End, .. } => return read,
            Next::Piece { .. } | Next::Waits { .. } => panic!("it has broken off"),
            Next::Stored { entry, .. } => {
                let rest = entry.parts().frames[read.len()..].concat();
                return [read, rest].concat();
            }
        }
    }
}
