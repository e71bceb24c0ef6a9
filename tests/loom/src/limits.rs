//! Requests that count in the same counters, in every order in which their threads can take turns.

use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::memory::MemoryStore;
use super::store::{Claim, Counter, Settlement};
use crate::settings::limits::{Period, Window};

const NOW: u64 = 1_795_953_600_000;
const MINUTE: Window = Window::Fixed(Period::Minute);
const SLIDING: Window = Window::Sliding(Duration::from_secs(60));
const BUCKET: Window = Window::Bucket { per: Duration::from_secs(60), burst: 10 };

fn store(capacity: usize) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::with_capacity(capacity).with_clock(std::sync::Arc::new(|| NOW)))
}

fn claim(gateway: u8, id: u8, window: Window, limit: u64, amount: u64) -> Claim {
    let counter = Counter { gateway: [gateway; 8], id: [id; 16] };
    Claim { counter, window, limit, amount, lease: None, is_shadow: false }
}

fn used(store: &MemoryStore, claim: Claim) -> u64 {
    store.reserve_now(&[Claim { amount: 0, is_shadow: true, ..claim }]).standings[0].used
}

/// Runs each on a thread of its own.
fn together(runs: impl IntoIterator<Item = Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = runs.into_iter().map(|run| thread::spawn(run)).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn no_more_is_granted_than_there_is() {
    loom::model(|| {
        let (store, granted) = (store(16), Arc::new(AtomicU64::new(0)));
        // Each wants 6 of 10, and names the counters in another order.
        let claims =
            [claim(0, 0, MINUTE, 10, 6), claim(0, 1, SLIDING, 100, 6), claim(0, 2, BUCKET, 10, 6)];
        together((0..3).map(|turn| {
            let (store, granted) = (store.clone(), granted.clone());
            let mut claims = claims;
            claims.rotate_left(turn);
            Box::new(move || {
                if store.reserve_now(&claims).is_granted {
                    granted.fetch_add(1, Ordering::Relaxed);
                }
            }) as Box<dyn FnOnce() + Send>
        }));
        assert_eq!(granted.load(Ordering::Relaxed), 1);
        assert_eq!(claims.map(|claim| used(&store, claim)), [6; 3]);
    });
}

#[test]
fn settlements_are_neither_lost_nor_counted_twice() {
    loom::model(|| {
        let (store, spent) = (store(16), Arc::new(AtomicU64::new(0)));
        let claims = [claim(0, 0, MINUTE, 10, 6), claim(0, 1, BUCKET, 10, 6)];
        together((1..=2).map(|used| {
            let (store, spent) = (store.clone(), spent.clone());
            Box::new(move || {
                let decision = store.reserve_now(&claims);
                if decision.is_granted {
                    spent.fetch_add(used, Ordering::Relaxed);
                    let at = decision.at;
                    store.settle_now(&claims.map(|claim| Settlement { claim, at, spent: used }));
                }
            }) as Box<dyn FnOnce() + Send>
        }));
        let spent = spent.load(Ordering::Relaxed);
        assert_eq!(claims.map(|claim| used(&store, claim)), [spent; 2]);
    });
}

#[test]
fn gateways_wait_for_each_other_without_a_deadlock_and_count_apart() {
    loom::model(|| {
        // With room for one counter each: they push each other out where they share a shard.
        let store = store(2);
        together((0..2).map(|gateway| {
            let store = store.clone();
            Box::new(move || {
                let claims = [claim(gateway, 0, MINUTE, 10, 1), claim(gateway, 1, MINUTE, 10, 1)];
                let decision = store.reserve_now(&claims);
                assert!(decision.is_granted);
                let at = decision.at;
                store.settle_now(&claims.map(|claim| Settlement { claim, at, spent: 2 }));
            }) as Box<dyn FnOnce() + Send>
        }));
        assert!(store.len() <= 4);
    });
}
