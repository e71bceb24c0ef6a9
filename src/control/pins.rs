//! Remembers which key and base URL produced each stored response of a provider.
//!
//! A request that continues or fetches a stored response must go to the account that has it. Pins
//! exist in this process only; sessions work across replicas.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use crate::context::GatewayContext;
use crate::context::session::stored_response;
use crate::usage::metering::ResponseId;

/// The number of responses in one generation. Two full generations take about 3 MiB.
const CAPACITY: usize = 32 * 1024;

/// Targets by hash of a stored response, in two generations: when the young one is full, it replaces
/// the old one. So an entry is dropped if it is not used while `CAPACITY` others are.
#[derive(Default)]
pub(in crate::control) struct Pins(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<u128, u64>,
    old: HashMap<u128, u64>,
}

impl Pins {
    pub(in crate::control) fn get(&self, response: u128) -> Option<u64> {
        let mut generations = self.lock();
        if let Some(target) = generations.young.get(&response) {
            return Some(*target);
        }
        let target = generations.old.remove(&response)?;
        let old = generations.insert(response, target);
        drop(generations);
        drop(old);
        Some(target)
    }

    fn learn(&self, response: u128, target: u64) {
        let old = self.lock().insert(response, target);
        // Free them outside the lock: there may be many.
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Returns the entries that were dropped.
    fn insert(&mut self, response: u128, target: u64) -> HashMap<u128, u64> {
        let is_full = self.young.len() >= CAPACITY;
        let old = if is_full {
            std::mem::replace(&mut self.old, std::mem::take(&mut self.young))
        } else {
            HashMap::new()
        };
        self.young.insert(response, target);
        old
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generations = self.lock();
        write!(f, "{} responses", generations.young.len() + generations.old.len())
    }
}

/// Reads the id of a response and remembers its target.
#[derive(Debug)]
pub(in crate::control) struct ResponseReader {
    pins: Arc<Pins>,
    target: u64,
    context: GatewayContext,
    /// `None` until the response head arrives.
    id: Option<ResponseId>,
}

impl ResponseReader {
    pub(in crate::control) fn new(pins: Arc<Pins>, target: u64, context: GatewayContext) -> Self {
        Self { pins, target, context, id: None }
    }

    /// Starts with the head of a successful response. Returns false if the body cannot be read.
    pub(in crate::control) fn responded(&mut self, headers: &HeaderMap) -> bool {
        self.id = ResponseId::of(headers);
        self.id.is_some()
    }

    /// Reads more of the body. Returns false when no more is needed.
    pub(in crate::control) fn push(&mut self, data: &[u8]) -> bool {
        let Some(reader) = &mut self.id else { return false };
        reader.push(data);
        if let Some(id) = reader.found()
            && let Some(provider) = self.context.provider()
        {
            self.pins.learn(stored_response(&self.context, provider, id), self.target);
        }
        !reader.is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recently_used_pins_are_kept_and_the_map_is_bounded() {
        let pins = Pins::default();
        pins.learn(0, 7);
        for response in 1..10 * CAPACITY as u128 {
            pins.learn(response, 1);
            if response % 1000 == 0 {
                assert_eq!(pins.get(0), Some(7), "after {response}");
            }
        }
        assert_eq!(pins.get(1), None);
        let generations = pins.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * CAPACITY);
    }

    #[test]
    fn a_pin_that_is_learnt_again_is_the_newer() {
        let pins = Pins::default();
        pins.learn(1, 7);
        pins.learn(1, 8);
        assert_eq!(pins.get(1), Some(8));
        assert_eq!(format!("{pins:?}"), "1 responses");
    }
}
