//! Members that come, wait, read and leave in thousands of orders. Only those are polled that were
//! woken, so a wake-up that is lost shows.

mod leaving;
mod orphans;
mod trouble;

use std::collections::VecDeque;
use std::future::poll_fn;

use bytes::Bytes;
use http::{Method, Uri, header};
use http_body::{Body, Frame};
use tokio_test::task::{self, Spawn};

use super::*;
use crate::context::GatewayContext;
use crate::context::{Arrival, Endpoint};
use crate::control::cache::asked::Policy;
use crate::control::cache::body::CacheBody;
use crate::control::cache::caching::{Caching, FOLLOWERS, Way, came};
use crate::control::cache::counts::Counts;
use crate::control::cache::key::{CacheKey, CachePlace, CacheScope};
use crate::control::cache::memory::MemoryCache;
use crate::control::cache::store::{CacheFuture, CacheStore, Found, Generation, Purge, Turn};
use crate::control::cache::target::Target;
use crate::control::cache::wait::{PATIENCE, Wait};
use crate::control::cache::writer::Writer;
use crate::util::budget::BodyBudget;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Poll};
use std::time::Duration;

/// What the provider is about to do, and what it has done.
#[derive(Default)]
struct Provider {
    /// How the call under way ends…
    verdict: Option<Verdict>,
    /// … and who waits for that.
    caller: Option<Waker>,
    calling: usize,
    calls: usize,
    sources: Vec<Feed>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Answer,
    Refusal,
    Failure,
}

/// One body: what is still to come, and whether it is open.
#[derive(Default)]
struct Feed {
    steps: VecDeque<Step>,
    reader: Option<Waker>,
    is_over: bool,
    is_dropped: bool,
    sent: u8,
}

enum Step {
    Data(u8),
    End,
    Error,
}

type World = Arc<Mutex<Provider>>;

struct Reading {
    world: World,
    number: usize,
}

impl Body for Reading {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut world = self.world.lock().unwrap();
        let feed = &mut world.sources[self.number];
        match feed.steps.pop_front() {
            None => {
                feed.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Step::Data(data)) => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&[data])))))
            }
            Some(Step::End) => Poll::Ready(None),
            Some(Step::Error) => Poll::Ready(Some(Err("broken off".into()))),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.world.lock().unwrap().sources[self.number].is_dropped = true;
    }
}

/// Counts a call until it is over.
struct Calling(World);

impl Drop for Calling {
    fn drop(&mut self) {
        let mut world = self.0.lock().unwrap();
        world.calling -= 1;
        world.verdict = None;
    }
}

async fn call(world: World, target: Arc<Target>, budget: BodyBudget) -> Came {
    let calling = {
        let mut provider = world.lock().unwrap();
        provider.calling += 1;
        provider.calls += 1;
        assert_eq!(provider.calling, 1, "one asks at a time");
        Calling(world.clone())
    };
    let verdict = poll_fn(|cx| {
        let mut provider = world.lock().unwrap();
        match provider.verdict.take() {
            Some(verdict) => Poll::Ready(verdict),
            None => {
                provider.caller = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await;
    drop(calling);
    let number = {
        let mut provider = world.lock().unwrap();
        provider.sources.push(Feed::default());
        provider.sources.len() - 1
    };
    let body = Box::pin(Reading { world: world.clone(), number }) as Source;
    let status = if verdict == Verdict::Answer { 200 } else { 500 };
    let mut response =
        Response::builder().status(status).header("content-type", "application/octet-stream");
    response = response.header(header::TRANSFER_ENCODING, "chunked");
    came(response.body(body).unwrap(), target, None, &budget, verdict == Verdict::Failure)
}

/// One request, as far as it has come.
enum Actor {
    Waiting(Member),
    /// The number of its body where it has its own, and what it has read.
    Reading(CacheBody, Vec<u8>),
    Done,
}

struct Scene {
    world: World,
    flights: Arc<Flights>,
    target: Arc<Target>,
    budget: BodyBudget,
    actors: Vec<Spawn<Actor>>,
    random: fastrand::Rng,
    /// How many have read all of an answer, and how many of these it broke off for.
    whole: usize,
    broken: usize,
}

fn target(store: impl CacheStore, counts: Arc<Counts>) -> Arc<Target> {
    let scope = CacheScope([0; 16]);
    let policy = Policy {
        fresh_for: Duration::from_secs(60),
        stale_for: Duration::ZERO,
        is_shared: false,
        pace: crate::settings::cache::ReplayPace::AtOnce,
        most_request_bytes: 1000,
        most_response_bytes: 1000,
        statuses: Vec::new(),
        custom: None,
    };
    let arrival = Arrival::new(Method::POST, Uri::from_static("/"), Endpoint::None);
    Arc::new(Target {
        place: CachePlace {
            key: CacheKey([0; 32]),
            gateway: scope,
            provider: scope,
            model: scope,
            custom: None,
        },
        generation: Generation(0),
        seal: None,
        closed: 0,
        policy: Arc::new(policy),
        context: GatewayContext::new(arrival, None),
        writer: Arc::new(Writer::new(Arc::new(store), counts)),
        wait: Wait::new(None, true),
        budget: BodyBudget::default(),
        is_alone: AtomicBool::default(),
        has_waited: AtomicBool::default(),
    })
}

impl Scene {
    fn new(seed: u64, store: MemoryCache, budget: BodyBudget) -> Self {
        let counts = Arc::<Counts>::default();
        Self {
            world: World::default(),
            flights: Arc::new(Flights::new(counts.clone())),
            target: target(store, counts),
            budget,
            actors: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            whole: 0,
            broken: 0,
        }
    }

    fn join(&mut self) {
        let call = call(self.world.clone(), self.target.clone(), self.budget.clone());
        let key = (self.target.place.key, self.target.generation);
        let member = self.flights.join(key, 8, Box::pin(call));
        self.actors.push(task::spawn(Actor::Waiting(member)));
    }

    /// Polls one until it waits.
    fn poll(&mut self, at: usize) {
        loop {
            let (actor, whole, broken) = (&mut self.actors[at], &mut self.whole, &mut self.broken);
            let goes_on = actor.enter(|cx, mut actor| {
                let actor = &mut *actor;
                match actor {
                    Actor::Done => false,
                    Actor::Waiting(member) => match member.poll_head(false, cx) {
                        Poll::Pending => false,
                        Poll::Ready(Headed::Asked(_) | Headed::Followed(..)) => {
                            let Actor::Waiting(member) = replace(actor) else { unreachable!() };
                            *actor = Actor::Reading(CacheBody::reading(member, None), Vec::new());
                            true
                        }
                        Poll::Ready(Headed::Own(_)) => {
                            drop(replace(actor));
                            false
                        }
                        Poll::Ready(Headed::Failed | Headed::Unfit | Headed::Panicked) => {
                            panic!("nothing did")
                        }
                    },
                    Actor::Reading(body, read) => match Pin::new(body).poll_frame(cx) {
                        Poll::Pending => false,
                        Poll::Ready(Some(Ok(frame))) => {
                            read.extend_from_slice(frame.data_ref().unwrap());
                            true
                        }
                        Poll::Ready(end) => {
                            // Every byte in order, from the first on.
                            assert!(read.iter().copied().eq(1..=read.len() as u8), "{read:?}");
                            if end.is_none() {
                                // The end is the last byte.
                                assert_eq!(read.last(), Some(&4));
                            }
                            *whole += usize::from(end.is_none());
                            *broken += usize::from(end.is_some());
                            drop(replace(actor));
                            false
                        }
                    },
                }
            });
            if !goes_on {
                return;
            }
        }
    }

    /// The provider does something, if there is something that it can do.
    fn act(&mut self) -> bool {
        let mut world = self.world.lock().unwrap();
        let mut wake = None;
        let random = &mut self.random;
        let can_answer = world.calling > 0 && world.verdict.is_none();
        let all = world.sources.iter().enumerate();
        let open: Vec<usize> =
            all.filter(|(_, feed)| !feed.is_over && !feed.is_dropped).map(|(at, _)| at).collect();
        if can_answer && (open.is_empty() || random.bool()) {
            let verdicts = [Verdict::Answer, Verdict::Answer, Verdict::Refusal, Verdict::Failure];
            world.verdict = random.choice(verdicts);
            wake = world.caller.take();
        } else if let Some(at) = random.choice(open) {
            let feed = &mut world.sources[at];
            if feed.sent == 4 {
                feed.steps.push_back(Step::End);
                feed.is_over = true;
            } else if random.u8(..10) == 0 {
                feed.steps.push_back(Step::Error);
                feed.is_over = true;
            } else {
                feed.sent += 1;
                feed.steps.push_back(Step::Data(feed.sent));
            }
            wake = feed.reader.take();
        } else if !can_answer {
            return false;
        }
        drop(world);
        if let Some(waker) = wake {
            waker.wake();
        }
        true
    }

    fn run(&mut self) {
        let mut left = 6;
        let mut fresh = Vec::new();
        loop {
            if left > 0 && self.random.u8(..4) == 0 {
                left -= 1;
                self.join();
                fresh.push(self.actors.len() - 1);
            }
            // Each order of polls, comings, goings and doings of the provider.
            let woken = (0..self.actors.len()).filter(|at| self.actors[*at].is_woken());
            let ready: Vec<usize> = woken.chain(fresh.iter().copied()).collect();
            match self.random.u8(..8) {
                0 if !self.actors.is_empty() => {
                    // One leaves, whether it was woken or not.
                    let at = self.random.usize(..self.actors.len());
                    fresh.retain(|fresh| *fresh != at);
                    self.actors[at].enter(|_, mut actor| drop(replace(&mut actor)));
                }
                1..=2 => {
                    self.act();
                }
                _ => match self.random.choice(ready) {
                    Some(at) => {
                        fresh.retain(|fresh| *fresh != at);
                        self.poll(at);
                    }
                    None if self.act() || left > 0 => {}
                    None => break,
                },
            }
        }
        let waiting = self.actors.iter().filter(|actor| !matches!(***actor, Actor::Done)).count();
        assert_eq!(waiting, 0, "a wake-up was lost");
    }
}

fn replace(actor: &mut Actor) -> Actor {
    std::mem::replace(actor, Actor::Done)
}

#[test]
fn in_any_order_one_asks_and_all_get_every_byte() {
    let (mut whole, mut broken, mut calls, mut hits) = (0, 0, 0, 0);
    for seed in 0..20_000 {
        let store = MemoryCache::new();
        // Sometimes there is not enough memory to keep all.
        let budget = BodyBudget::new(if seed % 4 == 0 { 150 } else { 10_000 });
        let mut scene = Scene::new(seed, store.clone(), budget.clone());
        scene.run();
        (whole, broken) = (whole + scene.whole, broken + scene.broken);
        let world = scene.world.clone();
        calls += world.lock().unwrap().calls;
        hits += usize::from(store.stats().entries == Some(1));
        assert_eq!(scene.flights.count(), 0, "{seed}");
        assert_eq!(scene.flights.counts.followers.get(), 0, "{seed}");
        drop(scene);
        let provider = world.lock().unwrap();
        assert_eq!(provider.calling, 0, "{seed}");
        assert!(provider.sources.iter().all(|feed| feed.is_dropped), "{seed}");
        drop(provider);
        drop(store);
        assert_eq!(budget.used(), 0, "{seed}");
    }
    // All of it has been part of it.
    assert!(whole > 20_000 && broken > 2_000 && calls > 20_000 && hits > 5_000);
    println!("{whole} whole, {broken} broken, {calls} calls, {hits} stored");
}

/// Another process asks the provider, and is never heard of again.
#[derive(Debug, Default)]
struct Elsewhere {
    turns: Arc<AtomicUsize>,
}

impl CacheStore for Elsewhere {
    fn get<'a>(&'a self, _: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async { Ok(Found::default()) })
    }

    fn put<'a>(&'a self, _: &'a CachePlace, _: CacheEntry, _: Generation) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn purge<'a>(&'a self, _: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn turn<'a>(
        &'a self,
        _: &'a CachePlace,
        _: Generation,
        _: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        self.turns.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Turn::Follow(Box::pin(std::future::pending()))) })
    }
}

#[tokio::test(start_paused = true)]
async fn another_process_is_waited_for_as_long_as_another_request() {
    let caching = Caching::of(Elsewhere::default());
    let target = target(MemoryCache::new(), Arc::default());
    let started = tokio::time::Instant::now();
    let way = tokio::time::timeout(10 * PATIENCE, caching.way(&target)).await;
    assert!(matches!(way, Ok(Way::Ask(None))));
    assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
}

#[tokio::test]
async fn one_that_asks_alone_waits_for_no_other_process() {
    let store = Elsewhere::default();
    let turns = store.turns.clone();
    let caching = Caching::of(store);
    let target = target(MemoryCache::new(), Arc::default());
    let call = || Box::pin(std::future::pending()) as Call;
    let members: Vec<_> = (0..=FOLLOWERS).map(|_| caching.join(&target, call())).collect();
    assert!(!target.is_alone(), "{} share", members.len());
    drop(caching.join(&target, call()));
    assert!(matches!(caching.way(&target).await, Way::Ask(None)));
    assert_eq!(turns.load(Ordering::Relaxed), 0);
}
