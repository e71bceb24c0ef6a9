//! The store against a ledger that keeps each event and adds them up by the definition of each window.

use proptest::prelude::*;

use super::*;
use crate::control::limits::window::LAG;

const DAY: u64 = 24 * 3600 * 1000;

/// One use of one counter.
struct Event {
    at: u64,
    reserved: u64,
    /// Until it is settled: it had a lease.
    is_held: bool,
    /// How many events there were by then.
    number: u64,
    spent: Option<u64>,
    /// When that was known, and how many events there were by then.
    settled: (u64, u64),
}

impl Event {
    /// What counts of it in its window, with what is known by now.
    fn amount(&self) -> u64 {
        self.spent.unwrap_or(self.reserved)
    }
}

struct Ledger {
    window: Window,
    limit: u64,
    events: Vec<Event>,
}

impl Ledger {
    fn capacity(&self) -> u64 {
        match self.window {
            Window::Bucket { burst, .. } => burst,
            _ => self.limit,
        }
    }

    /// From all events.
    fn in_use(&self, now: u64) -> u64 {
        match self.window {
            Window::Fixed(period) => {
                let same =
                    self.events.iter().filter(|event| part(period, event.at) == part(period, now));
                same.map(Event::amount).sum()
            }
            Window::Sliding(length) => {
                let length = length.as_millis() as u64;
                let sum = |stretch| {
                    let inside =
                        self.events.iter().filter(|event| Some(event.at / length) == stretch);
                    inside.map(Event::amount).sum::<u64>()
                };
                let before = sum((now / length).checked_sub(1));
                sum(Some(now / length)) + (before * (length - now % length)).div_ceil(length)
            }
            Window::Bucket { per, .. } => self.missing(per.as_millis(), now) + self.held(),
        }
    }

    /// What does not flow back into a bucket before it is settled.
    fn held(&self) -> u64 {
        let is_held = |event: &&Event| event.is_held && event.spent.is_none();
        match self.window {
            Window::Bucket { .. } => {
                self.events.iter().filter(is_held).map(|event| event.reserved).sum()
            }
            _ => 0,
        }
    }

    /// Goes through all that was taken from the bucket and given back, in parts of a unit that flow in
    /// within a millisecond. What is held is not among it.
    fn missing(&self, per: u128, now: u64) -> u64 {
        let mut changes = Vec::new();
        for event in &self.events {
            let (reserved, spent) = (i128::from(event.reserved), event.spent.map(i128::from));
            if event.is_held {
                changes.extend(spent.map(|spent| (event.settled, spent)));
                continue;
            }
            changes.push(((event.at, event.number), reserved));
            if let Some(spent) = spent {
                let flown = u128::from(event.settled.0 - event.at) * u128::from(self.limit) / per;
                let change = match spent < reserved {
                    true => (spent - reserved + flown as i128).min(0),
                    false => spent - reserved,
                };
                changes.push((event.settled, change));
            }
        }
        changes.sort_unstable();
        changes.push(((now, 0), 0));
        let (mut missing, mut last) = (0, 0);
        for ((at, _), change) in changes {
            let flown = i128::from(at - last) * i128::from(self.limit);
            missing = ((missing - flown).max(0) + change * per as i128).max(0);
            last = at;
        }
        (missing as u128).div_ceil(per) as u64
    }
}

/// The number of the period, or one like it, by counting days.
fn part(period: Period, now: u64) -> u64 {
    match period {
        Period::Minute => now / 60_000,
        Period::Hour => now / 3_600_000,
        Period::Day => now / DAY,
        Period::Week => (now / DAY + 3) / 7,
        Period::Month => {
            let (mut day, mut month) = (now / DAY, 0);
            loop {
                let year = 1970 + month / 12;
                let length = match month % 12 {
                    1 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
                    1 => 28,
                    3 | 5 | 8 | 10 => 30,
                    _ => 31,
                };
                if day < length {
                    return month;
                }
                day -= length;
                month += 1;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Time passes by the true clock, and the machine's is off by so much.
    Pass { millis: u64, off: u64 },
    /// A request claims of these counters. Some are in shadow, and some without a lease.
    Reserve { claims: Vec<(usize, u64, bool, bool)> },
    /// One of those that run ends: with a share of what it reserved in percent, 0 if it is aborted. Those that
    /// never end were on a process that crashed.
    Settle { which: usize, percent: u64 },
}

fn steps(pause: u64) -> impl Strategy<Value = Vec<Step>> {
    let claim = (
        0..KINDS,
        prop_oneof![Just(0_u64), Just(1), 0_u64..400],
        prop::bool::weighted(0.2),
        any::<bool>(),
    );
    let step = prop_oneof![
        3 => (0..pause, 0..=LAG / 2).prop_map(|(millis, off)| Step::Pass { millis, off }),
        5 => prop::collection::vec(claim, 1..5).prop_map(|claims| Step::Reserve { claims }),
        3 => (any::<usize>(), prop_oneof![Just(0_u64), Just(100), 0_u64..300])
            .prop_map(|(which, percent)| Step::Settle { which, percent }),
    ];
    prop::collection::vec(step, 1..150)
}

const KINDS: usize = 9;

/// Windows whose length divides nothing evenly are among them.
fn ledgers() -> [Ledger; KINDS] {
    let bucket = |seconds, burst| Window::Bucket { per: Duration::from_secs(seconds), burst };
    [
        (Window::Fixed(Period::Minute), 500),
        (Window::Fixed(Period::Hour), 3_000),
        (Window::Fixed(Period::Day), 20_000),
        (Window::Fixed(Period::Week), 20_000),
        (Window::Fixed(Period::Month), 20_000),
        (Window::Sliding(Duration::from_secs(60)), 700),
        (Window::Sliding(Duration::from_millis(777_777)), 1_500),
        (bucket(60, 1_000), 77),
        (bucket(7, 400), 1_003),
    ]
    .map(|(window, limit)| Ledger { window, limit, events: Vec::new() })
}

fn run(start: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let time = TestTime::new();
    time.set(start);
    let store = time.store(100);
    let mut ledgers = ledgers();
    let (mut clock, mut seen) = (start, start);
    let mut running: Vec<Vec<(usize, usize, Claim, u64)>> = Vec::new();
    let mut number = 0;
    // It has seen the time.
    let _ = store.reserve_now(&[claim(0, MINUTE, 1, 0)]);
    for step in steps {
        number += 1;
        match step {
            Step::Pass { millis, off } => {
                clock += millis;
                time.set(clock - off);
                seen = seen.max(clock - off);
            }
            Step::Reserve { claims } => {
                let mut kinds = Vec::new();
                let claims: Vec<_> = claims
                    .into_iter()
                    .filter(|(kind, ..)| {
                        let is_new = !kinds.contains(kind);
                        kinds.push(*kind);
                        is_new
                    })
                    .map(|(kind, amount, is_shadow, is_held)| {
                        let Ledger { window, limit, .. } = ledgers[kind];
                        let claim = claim(kind as u64, window, limit, amount);
                        let lease = is_held.then_some(Duration::from_secs(1));
                        (kind, Claim { is_shadow, lease, ..claim })
                    })
                    .collect();
                let has_room = |(kind, claim): &(usize, Claim)| {
                    let ledger: &Ledger = &ledgers[*kind];
                    ledger.in_use(seen) + claim.amount.max(1) <= ledger.capacity()
                };
                let rooms: Vec<_> = claims.iter().map(has_room).collect();
                let is_granted =
                    claims.iter().zip(&rooms).all(|((_, claim), room)| *room || claim.is_shadow);

                let asked: Vec<_> = claims.iter().map(|(_, claim)| *claim).collect();
                let decision = store.reserve_now(&asked);
                prop_assert_eq!(decision.is_granted, is_granted);
                prop_assert_eq!(decision.at, seen);
                let mut request = Vec::new();
                for (((kind, claim), room), standing) in
                    claims.into_iter().zip(rooms).zip(decision.standings)
                {
                    let ledger = &mut ledgers[kind];
                    if is_granted {
                        request.push((kind, ledger.events.len(), claim, decision.at));
                        let (at, reserved, is_held) = (seen, claim.amount, claim.lease.is_some());
                        let (spent, settled) = (None, (0, 0));
                        let event = Event { at, reserved, is_held, number, spent, settled };
                        ledger.events.push(event);
                    }
                    let used = ledger.in_use(seen);
                    prop_assert_eq!(standing.used, used, "{:?}", ledger.window);
                    prop_assert_eq!(standing.is_exceeded, !room);
                    let left = if room { ledger.capacity().saturating_sub(used) } else { 0 };
                    prop_assert_eq!(standing.remaining, left);
                    let free = ledger.in_use(seen + standing.resets_after.as_millis() as u64);
                    prop_assert!(free <= ledger.held(), "{:?}: {free}", ledger.window);
                    if !room && !is_granted && claim.amount <= ledger.capacity() {
                        let then = seen + standing.retry_after.as_millis() as u64;
                        // A hint: nobody knows when what is held is settled.
                        let in_use = ledger.in_use(then) - ledger.held();
                        prop_assert!(in_use + claim.amount.max(1) <= ledger.capacity());
                    }
                }
                running.push(request);
            }
            Step::Settle { which, percent } => {
                if running.is_empty() {
                    continue;
                }
                let request = running.swap_remove(which % running.len());
                let mut settlements = Vec::new();
                for (kind, event, claim, at) in request {
                    let spent = (claim.amount * percent).div_ceil(100);
                    let event = &mut ledgers[kind].events[event];
                    (event.spent, event.settled) = (Some(spent), (seen, number));
                    settlements.push(Settlement { claim, at, spent });
                }
                store.settle_now(&settlements);
            }
        }
        for (kind, ledger) in ledgers.iter().enumerate() {
            let probe = claim(kind as u64, ledger.window, ledger.limit, 0);
            prop_assert_eq!(used(&store, &probe), ledger.in_use(seen), "{:?}", ledger.window);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn some_minutes_are_those_of_the_ledger(steps in steps(5_000)) {
        run(NOON - 30_000, steps)?;
    }

    /// A year ends in it, within a week.
    #[test]
    fn a_day_is_that_of_the_ledger(steps in steps(30 * 60_000)) {
        run(1_798_718_400_000 - 60_000, steps)?;
    }
}
