//! Many at once.

use std::thread;

use super::*;

#[test]
fn threads_get_exactly_the_limit() {
    const LIMIT: u64 = 2_000;
    let store = TestTime::new().store(100);
    let claims = [
        claim(1, MINUTE, LIMIT, 1),
        claim(2, SLIDING, 2 * LIMIT, 1),
        claim(3, bucket(3 * LIMIT), 3 * LIMIT, 3),
    ];
    let granted = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..LIMIT {
                    let is_granted = store.reserve_now(&claims).is_granted;
                    granted.fetch_add(u64::from(is_granted), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(granted.into_inner(), LIMIT);
    assert_eq!(claims.map(|claim| used(&store, &claim)), [LIMIT, LIMIT, 3 * LIMIT]);
}

#[test]
fn threads_settle_to_the_unit() {
    let store = TestTime::new().store(100);
    let claims = [claim(1, MINUTE, 1_000, 90), claim(2, bucket(1_000_000), 1_000, 90)];
    let spent = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (store, spent) = (&store, &spent);
            scope.spawn(move || {
                for round in 0..500 {
                    let decision = store.reserve_now(&claims);
                    if decision.is_granted {
                        let used = (thread + round) % 3;
                        spent.fetch_add(used, Ordering::Relaxed);
                        let settle = |claim| Settlement { claim, at: decision.at, spent: used };
                        store.settle_now(&claims.map(settle));
                    }
                }
            });
        }
    });
    let spent = spent.into_inner();
    assert_eq!(claims.map(|claim| used(&store, &claim)), [spent; 2]);
    assert!(spent > 0 && spent <= 1_000);
}
