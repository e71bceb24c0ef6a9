//! The scripts count exactly like `MemoryStore`: both get the same claims at the same times, hours and
//! months apart. In memory leases do not end, so the test releases holds when their lease is over.

use std::sync::Arc;

use tower_ai_gateway::control::limits::{MemoryStore, Standing};

use super::server::{Reply, Wire};
use super::*;

/// A script of the crate that takes the time from its last argument instead of the server.
macro_rules! at_a_time {
    ($file:literal) => {
        concat!(
            "#!lua\n",
            include_str!("../../../src/control/limits/redis/counter.lua"),
            "\nclock = function() return tonumber(ARGV[#ARGV]) end\n",
            include_str!(concat!("../../../src/control/limits/redis/", $file))
        )
    };
}

struct Both {
    wire: Wire,
    memory: MemoryStore,
    clock: Arc<AtomicU64>,
    reserved: u64,
    refunds: u64,
}

/// A claim that was granted and is not settled.
struct Made {
    /// The id of its reservation.
    id: u64,
    settlement: Settlement,
    is_over: bool,
}

impl Both {
    fn new(server: &Server, now: u64) -> Self {
        let clock = Arc::new(AtomicU64::new(now));
        let of_memory = clock.clone();
        let memory =
            MemoryStore::new().with_clock(Arc::new(move || of_memory.load(Ordering::Relaxed)));
        Self { wire: Wire::connect(server.port).unwrap(), memory, clock, reserved: 0, refunds: 0 }
    }

    fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    fn numbers(&mut self, script: &str, counters: &[Counter], arguments: Vec<String>) -> Vec<u64> {
        let names =
            |end| counters.iter().map(move |counter| format!("{{c}}{}{end}", counter.id[0]));
        let mut words =
            vec!["EVAL".to_owned(), script.to_owned(), (2 * counters.len()).to_string()];
        words.extend(names("").chain(names(":h")));
        words.extend(arguments);
        words.push(self.now().to_string());
        match self.wire.call(&words).unwrap() {
            Reply::List(list) => list.into_iter().map(|reply| reply.number() as u64).collect(),
            Reply::Number(number) => vec![number as u64],
            reply => panic!("{reply:?}"),
        }
    }

    fn reserve(&mut self, claims: &[Claim]) -> Decision {
        self.reserved += 1;
        let mut arguments = vec![format!("{:x}", self.reserved)];
        for claim in claims {
            arguments.extend(words(claim.window, claim.limit));
            let numbers = [claim.amount, millis(claim.lease), claim.is_shadow.into()];
            arguments.extend(numbers.map(|word| word.to_string()));
        }
        let counters: Vec<_> = claims.iter().map(|claim| claim.counter).collect();
        let numbers = self.numbers(at_a_time!("reserve.lua"), &counters, arguments);
        let standings = numbers[2..].chunks(5).map(|numbers| Standing {
            used: numbers[0],
            remaining: numbers[1],
            is_exceeded: numbers[2] == 1,
            resets_after: Duration::from_millis(numbers[3]),
            retry_after: Duration::from_millis(numbers[4]),
        });
        let decision = Decision {
            is_granted: numbers[0] == 1,
            at: numbers[1],
            standings: standings.collect(),
        };
        assert_eq!(decision, self.memory.reserve_now(claims), "{claims:?} at {}", self.now());
        decision
    }

    fn settle(&mut self, made: &Made, spent: u64) {
        let Settlement { claim, at, .. } = made.settlement;
        let mut arguments = vec![format!("{:x}", made.id)];
        arguments.extend(words(claim.window, claim.limit));
        let numbers = [claim.amount, millis(claim.lease), at, spent, 0];
        arguments.extend(numbers.map(|word| word.to_string()));
        self.numbers(at_a_time!("settle.lua"), &[claim.counter], arguments);
        let amount = if made.is_over { 0 } else { claim.amount };
        self.memory.settle_now(&[Settlement { claim: Claim { amount, ..claim }, at, spent }]);
    }

    /// Unsettled holds no longer count once their lease is over.
    fn end_leases(&self, made: &mut [Made]) {
        for Made { settlement, is_over, .. } in made {
            let Settlement { claim, at, .. } = *settlement;
            if claim.lease.is_some() && !*is_over && at + millis(claim.lease) <= self.now() {
                self.memory.settle_now(&[Settlement { claim, at, spent: 0 }]);
                *is_over = true;
            }
        }
    }

    async fn refund(&mut self, claim: &Claim, extra: Option<u64>) {
        self.refunds += 1;
        let back = extra.map_or("all".to_owned(), |extra| extra.to_string());
        let mut arguments: Vec<_> = words(claim.window, claim.limit).into();
        arguments.extend([back, self.refunds.to_string()]);
        self.numbers(at_a_time!("standing.lua"), &[claim.counter], arguments);
        self.memory.refund(&claim.counter, claim.window, claim.limit, extra).await.unwrap();
    }

    async fn look(&mut self, claim: &Claim) {
        let mut arguments: Vec<_> = words(claim.window, claim.limit).into();
        arguments.push(String::new());
        let numbers = self.numbers(at_a_time!("standing.lua"), &[claim.counter], arguments);
        let Standing { used, remaining, resets_after, .. } =
            self.memory.standing(&claim.counter, claim.window, claim.limit).await.unwrap();
        let resets_after = resets_after.as_millis() as u64;
        assert_eq!(numbers, [used, remaining, resets_after], "{claim:?} at {}", self.now());
    }
}

fn millis(lease: Option<Duration>) -> u64 {
    lease.map_or(0, |lease| lease.as_millis() as u64)
}

/// A window in the form of the scripts' arguments.
fn words(window: Window, limit: u64) -> [String; 4] {
    let millis = |duration: Duration| duration.as_nanos().div_ceil(1_000_000).max(1) as u64;
    let (kind, span, burst) = match window {
        Window::Fixed(Period::Minute) => (1, 1, 0),
        Window::Fixed(Period::Hour) => (1, 2, 0),
        Window::Fixed(Period::Day) => (1, 3, 0),
        Window::Fixed(Period::Week) => (1, 4, 0),
        Window::Fixed(Period::Month) => (1, 5, 0),
        Window::Sliding(length) => (2, millis(length), 0),
        Window::Bucket { per, burst } => (3, millis(per), burst),
        other => panic!("{other:?}"),
    };
    [kind, span, limit, burst].map(|word: u64| word.to_string())
}

fn window(random: &mut fastrand::Rng, limit: u64) -> Window {
    let periods = [Period::Minute, Period::Hour, Period::Day, Period::Week, Period::Month];
    // From milliseconds to months.
    let bits = random.u32(0..32);
    let span = Duration::from_millis(random.u64(0..=1 << bits));
    match random.u8(0..3) {
        0 => Window::Fixed(periods[random.usize(0..5)]),
        1 => Window::Sliding(span),
        _ => Window::Bucket { per: span, burst: random.u64(0..=2 * limit) },
    }
}

#[tokio::test]
async fn any_sequence_counts_the_same() {
    let server = Server::start(&[]);
    let mut ended = 0;
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        server.call(&["FLUSHALL"]);
        // From 2001 on, for a hundred years.
        let mut both = Both::new(&server, 978_307_200_000 + random.u64(0..3_000_000_000_000));
        let limit = 1 << random.u32(0..30);
        let kinds: Vec<_> =
            (1..=3).map(|id| claim(id, window(&mut random, limit), limit, 0)).collect();
        let mut made: Vec<Made> = Vec::new();
        for _ in 0..40 {
            let bits = random.u32(0..33);
            both.clock.fetch_add(random.u64(0..1 << bits) * random.u64(0..2), Ordering::Relaxed);
            both.end_leases(&mut made);
            match random.u8(0..10) {
                0..6 => {
                    let count = random.usize(1..=3);
                    let mut of = |kind: &Claim| {
                        let amount = random.u64(0..=1 + limit / 3);
                        let bits = random.u32(1..33);
                        let lease = random.u64(1..1 << bits);
                        let lease = random.bool().then_some(Duration::from_millis(lease));
                        Claim { amount, lease, ..*kind }
                    };
                    let mut claims: Vec<_> = kinds[..count].iter().map(&mut of).collect();
                    claims[0].is_shadow = random.u8(0..5) == 0;
                    random.shuffle(&mut claims);
                    let decision = both.reserve(&claims);
                    if decision.is_granted {
                        let id = both.reserved;
                        made.extend(claims.iter().map(|claim| {
                            let settlement = settlement(*claim, &decision, 0);
                            Made { id, settlement, is_over: false }
                        }));
                    }
                }
                6..8 if !made.is_empty() => {
                    let settled = made.swap_remove(random.usize(0..made.len()));
                    both.settle(&settled, random.u64(0..=limit / 2));
                    ended += u64::from(settled.is_over);
                }
                8 => {
                    let extra = (random.u8(0..4) > 0).then(|| random.u64(0..=limit));
                    both.refund(&kinds[random.usize(0..3)], extra).await;
                }
                _ => {}
            }
            for kind in &kinds {
                both.look(kind).await;
            }
        }
    }
    assert!(ended > 100, "{ended}: leases have ended before settlements");
}

#[tokio::test]
async fn a_clock_that_goes_back_a_little_stands_still() {
    let server = Server::start(&[]);
    let claims = [claim(1, Window::Bucket { per: Duration::from_secs(1), burst: 9 }, 3, 2)];
    let start = 1_800_000_000_000;
    let mut both = Both::new(&server, start);
    for (clock, at) in [
        (start, start),
        (start - 60_000, start),
        (start + 100, start + 100),
        (start + 99, start + 100),
        (start - 100_000, start - 100_000),
    ] {
        both.clock.store(clock, Ordering::Relaxed);
        assert_eq!(both.reserve(&claims).at, at);
    }
}

#[tokio::test]
async fn a_settlement_in_doubt_is_not_made_twice() {
    let server = Server::start(&[]);
    let start = 1_800_000_000_000;
    let lease = 60_000_u64;
    let mut both = Both::new(&server, start);
    let claim = claim(1, Window::Fixed(Period::Month), 1_000, 300);
    let settle = |both: &mut Both, is_repeated: u64| {
        let mut arguments = vec!["ab".to_owned()];
        arguments.extend(words(claim.window, claim.limit));
        let numbers = [claim.amount, lease, start, 50, is_repeated];
        arguments.extend(numbers.map(|word| word.to_string()));
        both.numbers(at_a_time!("settle.lua"), &[claim.counter], arguments);
        let mut arguments: Vec<_> = words(claim.window, claim.limit).into();
        arguments.push(String::new());
        both.numbers(at_a_time!("standing.lua"), &[claim.counter], arguments)[0]
    };
    let mut arguments = vec!["ab".to_owned()];
    arguments.extend(words(claim.window, claim.limit));
    arguments.extend([claim.amount, lease, 0].map(|word| word.to_string()));
    both.numbers(at_a_time!("reserve.lua"), &[claim.counter], arguments);

    // Its lease has expired, so without the hold only the caller knows whether it was settled.
    both.clock.store(start + lease, Ordering::Relaxed);
    assert_eq!(settle(&mut both, 1), 50, "the hold is there still");
    assert_eq!(settle(&mut both, 1), 50);
    assert_eq!(settle(&mut both, 0), 100, "it is one of another, whose lease is over");
}
