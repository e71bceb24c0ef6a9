//! Requests that share a call, in a random order of events.

use std::sync::atomic::AtomicBool;

use super::*;

/// One request, and its progress.
enum Actor {
    Waiting(Member),
    /// The number of its body, if it has its own, and the bytes read.
    Reading(CacheBody, Vec<u8>),
    Done,
}

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) flights: Arc<Flights>,
    pub(super) target: Arc<Target>,
    actors: Vec<Spawn<Actor>>,
    random: fastrand::Rng,
    /// How many read a whole response, and how many were broken off.
    pub(super) whole: usize,
    pub(super) broken: usize,
}

pub(super) fn target(
    store: impl CacheStore,
    counts: Arc<Counts>,
    budget: BodyBudget,
) -> Arc<Target> {
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
        writer: Arc::new(Writer::new(OwnStore::of(store), counts)),
        wait: Wait::new(None, true),
        budget,
        is_alone: AtomicBool::default(),
        has_waited: AtomicBool::default(),
    })
}

impl Scene {
    pub(super) fn new(seed: u64, store: MemoryCache, budget: BodyBudget) -> Self {
        let counts = Arc::<Counts>::default();
        Self {
            world: World::default(),
            flights: Arc::new(Flights::new(counts.clone())),
            target: target(store, counts, budget),
            actors: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            whole: 0,
            broken: 0,
        }
    }

    fn join(&mut self) {
        let call = call(self.world.clone(), self.target.clone());
        let key = (self.target.place.key, self.target.generation);
        let member = self.flights.join(key, 8, Box::pin(call));
        self.actors.push(task::spawn(Actor::Waiting(member)));
    }

    /// Polls one member until it waits.
    fn poll(&mut self, at: usize) {
        loop {
            let (actor, whole, broken) = (&mut self.actors[at], &mut self.whole, &mut self.broken);
            let goes_on = actor.enter(|cx, mut actor| {
                let actor = &mut *actor;
                match actor {
                    Actor::Done => false,
                    Actor::Waiting(member) => match member.poll_head(None, false, cx) {
                        Poll::Pending => false,
                        Poll::Ready(MemberHead::Asked(_) | MemberHead::Followed(..)) => {
                            let Actor::Waiting(member) = replace(actor) else { unreachable!() };
                            *actor = Actor::Reading(CacheBody::reading(member, None), Vec::new());
                            true
                        }
                        Poll::Ready(MemberHead::Own(_)) => {
                            drop(replace(actor));
                            false
                        }
                        Poll::Ready(
                            MemberHead::Failed | MemberHead::Unfit | MemberHead::Panicked,
                        ) => {
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

    /// One random step of the provider, if it can do any.
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

    pub(super) fn run(&mut self) {
        let mut left = 6;
        let mut fresh = Vec::new();
        loop {
            if left > 0 && self.random.u8(..4) == 0 {
                left -= 1;
                self.join();
                fresh.push(self.actors.len() - 1);
            }
            // A random order of polls, arrivals, departures and steps of the provider.
            let woken = (0..self.actors.len()).filter(|at| self.actors[*at].is_woken());
            let ready: Vec<usize> = woken.chain(fresh.iter().copied()).collect();
            match self.random.u8(..8) {
                0 if !self.actors.is_empty() => {
                    // A member leaves, whether it was woken or not.
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
