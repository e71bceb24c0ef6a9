//! Compares the state machine with a model that keeps every call.

mod model;

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use self::model::Model;
use super::*;

const OPEN_FOR: u64 = 40;
const PROBE_FOR: u64 = 15;
const WINDOW: u64 = 50;

/// Small numbers, so that a few steps reach every state. The window's parts are 5 ms long.
fn settings() -> BreakerSettings {
    BreakerSettings::new()
        .failures_in_a_row(3)
        .min_calls(6)
        .window(Duration::from_millis(WINDOW))
        .open_for(Duration::from_millis(OPEN_FOR))
        .probe_for(Duration::from_millis(PROBE_FOR))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit,
    /// Affects one of the running calls.
    Success(usize),
    Failure(usize),
    Release(usize),
    /// A success turns into a failure.
    TakeBack(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Admit),
        3 => any::<usize>().prop_map(Step::Success),
        3 => any::<usize>().prop_map(Step::Failure),
        1 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::TakeBack),
        2 => prop_oneof![0..3_u64, 0..2 * OPEN_FOR].prop_map(Step::Wait),
    ]
}

/// Both, and the running calls.
struct Pair {
    start: Instant,
    machine: Machine,
    model: Model,
    calls: Vec<(Ticket, u64, Option<usize>)>,
    successes: Vec<(Success, u64, usize)>,
}

impl Pair {
    fn new() -> Self {
        let start = Instant::now();
        let machine = Machine::new(settings(), start);
        Self { start, machine, model: Model::default(), calls: vec![], successes: vec![] }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.model.now)
    }

    fn run(&mut self, step: Step) {
        let (now, before) = (self.now(), self.machine.state());
        let any = |len: usize, index: usize| (len > 0).then(|| index % len.max(1));
        let change = match step {
            Step::Wait(millis) => {
                self.model.now += millis;
                None
            }
            Step::Admit => {
                let is_admitted = self.machine.check(now).is_ok();
                let admitted = self.machine.permit(now);
                let expected = self.model.permit();
                assert_eq!(admitted.is_ok(), expected.is_some());
                assert_eq!(admitted.is_ok(), is_admitted);
                match admitted {
                    Ok((ticket, change)) => {
                        assert_eq!(ticket.is_probe(), expected.unwrap().is_some());
                        self.calls.push((ticket, self.model.period, expected.unwrap()));
                        change
                    }
                    Err(open) => {
                        assert!(open.until > now);
                        None
                    }
                }
            }
            Step::Success(index) => any(self.calls.len(), index).and_then(|index| {
                let (ticket, period, _) = self.calls.swap_remove(index);
                let (success, change) = self.machine.success(ticket, now);
                if period == self.model.period {
                    let index = self.model.success();
                    self.successes.push((success, self.model.period, index));
                } else {
                    self.successes.push((success, period, 0));
                }
                change
            }),
            Step::Failure(index) => any(self.calls.len(), index).and_then(|index| {
                let (ticket, period, _) = self.calls.swap_remove(index);
                if period == self.model.period {
                    self.model.failure();
                }
                self.machine.failure(ticket, now)
            }),
            Step::Release(index) => any(self.calls.len(), index).and_then(|index| {
                let (ticket, period, probe) = self.calls.swap_remove(index);
                if period == self.model.period
                    && let Some(probe) = probe
                {
                    self.model.probes[probe].1 = false;
                }
                self.machine.release(ticket);
                None
            }),
            Step::TakeBack(index) => any(self.successes.len(), index).and_then(|index| {
                let (success, period, number) = self.successes.swap_remove(index);
                if period == self.model.period && self.model.state.is_none() {
                    self.model.take_back(number);
                }
                self.machine.take_back(success, now)
            }),
        };
        let after = self.machine.state();
        assert_eq!(after, self.model.state());
        match change {
            Some(change) => assert_eq!((change.from, change.to), (before, after)),
            None => assert_eq!(before, after),
        }
        if self.model.state.is_none() {
            let failures = (self.model.failures_in_a_row(), self.model.failed());
            assert_eq!(self.machine.is_neutral(self.now()), failures == (0, 0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_is_as_the_model_is(steps in prop::collection::vec(step(), 0..120)) {
        let mut pair = Pair::new();
        for step in steps {
            pair.run(step);
        }
    }
}

/// Every short sequence of steps, from every state that matters.
#[test]
fn it_is_as_the_model_is_in_all_short_runs() {
    let steps = [
        Step::Admit,
        Step::Success(0),
        Step::Failure(0),
        Step::Release(0),
        Step::TakeBack(0),
        Step::Wait(OPEN_FOR),
    ];
    let fail = [Step::Admit, Step::Failure(0)];
    let opened = fail.repeat(3);
    let half_open = [&opened[..], &[Step::Admit, Step::Wait(OPEN_FOR), Step::Admit]].concat();
    for start in [&[][..], &fail.repeat(2), &opened, &half_open] {
        for run in 0..steps.len().pow(6) {
            let mut pair = Pair::new();
            for step in start {
                pair.run(*step);
            }
            for digit in 0..6 {
                pair.run(steps[run / steps.len().pow(digit) % steps.len()]);
            }
        }
    }
}

fn tickets(machine: &mut Machine, count: usize, now: Instant) -> Vec<Ticket> {
    (0..count).map(|_| machine.permit(now).unwrap().0).collect()
}

#[test]
fn the_defaults() {
    let start = Instant::now();
    let mut machine = Machine::new(BreakerSettings::default(), start);
    for ticket in tickets(&mut machine, 4, start) {
        assert_eq!(machine.failure(ticket, start), None);
    }
    let ticket = tickets(&mut machine, 1, start)[0];
    let change = machine.failure(ticket, start).unwrap();
    assert_eq!(change.reason, ChangeReason::FailuresInARow);
    assert_eq!((change.from, change.to), (HealthState::Closed, HealthState::Open));
    let until = start + Duration::from_secs(30);
    assert_eq!(machine.permit(until - Duration::from_nanos(1)).unwrap_err(), Open { until });
    assert_eq!(machine.permit(until).unwrap().1.unwrap().reason, ChangeReason::ProbeDue);
}

#[test]
fn half_of_twenty_calls_within_half_a_minute_are_too_many() {
    for (apart, opens) in [(1, true), (2, false)] {
        let start = Instant::now();
        let mut machine = Machine::new(BreakerSettings::default(), start);
        let mut change = None;
        for call in 0..20 {
            let now = start + Duration::from_secs(apart * call);
            let ticket = tickets(&mut machine, 1, now)[0];
            assert_eq!(change, None);
            change = match call % 2 {
                0 => machine.failure(ticket, now),
                _ => machine.success(ticket, now).1,
            };
        }
        assert_eq!(change.map(|change| change.reason), opens.then_some(ChangeReason::FailedShare));
    }
}

#[test]
fn bodies_that_all_break_off_open_the_circuit_one_after_another() {
    let now = Instant::now();
    let mut machine = Machine::new(BreakerSettings::default(), now);
    for call in 1..=5 {
        let ticket = tickets(&mut machine, 1, now)[0];
        let (success, change) = machine.success(ticket, now);
        assert_eq!(change, None);
        assert_eq!(machine.take_back(success, now).is_some(), call == 5);
    }
}

#[test]
fn a_time_that_was_taken_a_little_earlier_does_no_harm() {
    let start = Instant::now() + Duration::from_secs(100);
    let mut machine = Machine::new(BreakerSettings::default(), start);
    let later = start + Duration::from_secs(20);
    for ticket in tickets(&mut machine, 2, start) {
        machine.success(ticket, later);
    }
    for ticket in tickets(&mut machine, 4, start) {
        machine.failure(ticket, start - Duration::from_secs(1));
    }
    assert!(!machine.is_neutral(later + Duration::from_secs(26)));
}

#[test]
fn a_retired_one_is_closed_and_stays_so() {
    let now = Instant::now();
    let mut machine = Machine::new(settings().failures_in_a_row(1), now);
    let (old, _) = machine.permit(now).unwrap();
    assert_eq!(machine.retire(now), None, "it was closed");
    let (new, _) = machine.permit(now).unwrap();
    for ticket in [old, new] {
        assert_eq!(machine.failure(ticket, now), None);
    }
    let mut machine = Machine::new(settings().failures_in_a_row(1), now);
    let (call, _) = machine.permit(now).unwrap();
    machine.failure(call, now).unwrap();
    let (from, to) = (HealthState::Open, HealthState::Closed);
    assert_eq!(machine.retire(now), Some(Change { from, to, reason: ChangeReason::Reconfigured }));
}
