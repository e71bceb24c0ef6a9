//! Reservations that are never settled, settled late, or abandoned.

use std::task::{Context, Waker};

use super::*;
use crate::polling::{TOO_LONG, eventually};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn the_holds_of_a_crashed_gateway_end_with_their_lease() {
    let server = Server::start(&[]);
    let crashed = patient(&server);
    let lease = Duration::from_secs(5);
    let claims = [leased(claim(1, MONTH, 100, 60), lease), claim(2, MONTH, 100, 1)];
    assert!(reserve(&crashed, &claims).await.unwrap().is_granted);
    drop(crashed);

    let store = patient(&server);
    assert!(!reserve(&store, &claims).await.unwrap().is_granted, "it is held");
    eventually("the lease is over", async || used(&store, &claims[0]).await == 0).await;
    assert!(reserve(&store, &claims).await.unwrap().is_granted);
    // Claims without a lease stay.
    assert_eq!(used(&store, &claims[1]).await, 2);
}

#[tokio::test]
async fn thousands_of_holds_that_expire_at_once_are_all_released() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 10_000, 2), Duration::from_secs(2))];
    for _ in 0..2_500 {
        reserve(&store, &claims).await.unwrap();
    }
    eventually("all leases are over", async || used(&store, &claims[0]).await == 0).await;
    assert!(server.keys().len() <= 1, "no holds are left");
}

#[tokio::test]
async fn a_settlement_after_its_lease_counts_in_full_and_once() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 1000, 300), SHORT)];

    // Its hold was removed by a look-up …
    let first = next_id();
    let decision = store.reserve(first, &claims).await.unwrap();
    eventually("the lease is over", async || used(&store, &claims[0]).await == 0).await;
    store.settle(first, &[settlement(claims[0], &decision, 250)]);
    assert!(store.flush(TOO_LONG).await);
    assert_eq!(used(&store, &claims[0]).await, 250);

    // … or still exists without one.
    let second = next_id();
    let decision = store.reserve(second, &claims).await.unwrap();
    tokio::time::sleep(SHORT * 2).await;
    store.settle(second, &[settlement(claims[0], &decision, 100)]);
    assert!(store.flush(TOO_LONG).await);
    assert_eq!(used(&store, &claims[0]).await, 350);
}

/// A deferred answer counts by its estimate, and by its usage once it is fetched.
#[tokio::test]
async fn an_estimated_settlement_is_corrected_after_its_lease() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 1000, 300), SHORT)];
    let id = next_id();
    let decision = store.reserve(id, &claims).await.unwrap();
    store.settle(id, &[settlement(claims[0], &decision, 300)]);
    assert!(store.flush(TOO_LONG).await);
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(used(&store, &claims[0]).await, 300, "for good");
    for (counted, spent) in [(300, 450), (450, 20)] {
        let counted = claim(1, MONTH, 1000, counted);
        store.settle(id, &[settlement(counted, &decision, spent)]);
        assert!(store.flush(TOO_LONG).await);
        assert_eq!(used(&store, &claims[0]).await, spent);
    }
}

#[tokio::test]
async fn a_reservation_that_was_never_made_settles_to_nothing() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 1000, 300), LONG)];
    let decision = reserve(&store, &claims).await.unwrap();
    // With another id, and within its lease.
    store.settle(next_id(), &[settlement(claims[0], &decision, 250)]);
    assert!(store.flush(TOO_LONG).await);
    assert_eq!(used(&store, &claims[0]).await, 300);
}

#[tokio::test]
async fn an_abandoned_reservation_is_reverted() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 1000, 300), LONG)];
    reserve(&store, &[claim(9, MONTH, 9, 1)]).await.unwrap();

    // Poll once, so that it is sent to Redis. Then its client disconnects.
    for _ in 0..20 {
        let mut future = store.reserve(next_id(), &claims);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        drop(future);
    }
    assert!(store.flush(TOO_LONG).await);
    eventually("nothing is held", async || used(&store, &claims[0]).await == 0).await;
    let calls = server.info("commandstats", "cmdstat_zadd");
    assert!(calls.starts_with("calls=20,"), "all have reached Redis: {calls}");
}

#[tokio::test]
async fn a_dropped_store_settles_what_is_queued() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 10_000, 5), LONG)];
    for _ in 0..1_000 {
        let id = next_id();
        let decision = store.reserve(id, &claims).await.unwrap();
        store.settle(id, &[settlement(claims[0], &decision, 3)]);
    }
    drop(store);
    let store = patient(&server);
    eventually("all is settled", async || used(&store, &claims[0]).await == 3_000).await;
}
