//! Which key and base URL made the responses that a provider has stored.
//!
//! A request that goes on from a stored response, or asks for one, must go to the account that has
//! it. What is learnt here is known to this process alone; sessions hold for all replicas.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use crate::context::GatewayContext;
use crate::context::session::stored_response;
use crate::usage::metering::ResponseId;

/// How many responses are known at most. Twice as many hashes of 24 bytes take some 3 MiB.
const KNOWN: usize = 32 * 1024;

/// Targets by stored response. Those that were used last stay: what is neither learnt nor looked up
/// while `KNOWN` others are is forgotten.
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
        // Many entries take their time to go: not under the lock.
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Gives what is forgotten.
    fn insert(&mut self, response: u128, target: u64) -> HashMap<u128, u64> {
        let is_full = self.young.len() >= KNOWN;
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

/// Reads a response for its id, to remember which target made it.
#[derive(Debug)]
pub(in crate::control) struct Learning {
    pins: Arc<Pins>,
    target: u64,
    context: GatewayContext,
    /// `None` until the head has come.
    id: Option<ResponseId>,
}

impl Learning {
    pub(in crate::control) fn new(pins: Arc<Pins>, target: u64, context: GatewayContext) -> Self {
        Self { pins, target, context, id: None }
    }

    /// The head of a response that is one. Whether it can be read.
    pub(in crate::control) fn responded(&mut self, headers: &HeaderMap) -> bool {
        self.id = ResponseId::of(headers);
        self.id.is_some()
    }

    /// Whether more is to be read.
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
    fn what_was_used_last_is_known_and_the_map_is_bounded() {
        let pins = Pins::default();
        pins.learn(0, 7);
        for response in 1..10 * KNOWN as u128 {
            pins.learn(response, 1);
            if response % 1000 == 0 {
                assert_eq!(pins.get(0), Some(7), "after {response}");
            }
        }
        assert_eq!(pins.get(1), None);
        let generations = pins.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * KNOWN);
    }

    #[test]
    fn what_is_learnt_again_is_the_newer() {
        let pins = Pins::default();
        pins.learn(1, 7);
        pins.learn(1, 8);
        assert_eq!(pins.get(1), Some(8));
        assert_eq!(format!("{pins:?}"), "1 responses");
    }
}
