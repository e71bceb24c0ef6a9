//! Counters and their keys.

use std::sync::Arc;

use super::*;
use crate::polling::TOO_LONG;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_stores_grant_exactly_what_a_limit_allows() {
    const KEYS: u8 = 50;
    const LIMIT: u64 = 60;
    let server = Server::start(&[]);
    let stores: Vec<_> = (0..4).map(|_| Arc::new(patient(&server))).collect();

    // 20,000 requests; 60 of 400 per key fit.
    let mut tasks = Vec::new();
    for (number, store) in stores.iter().enumerate() {
        for task in 0..10 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let mut granted = vec![0_u64; usize::from(KEYS)];
                for request in 0..500_usize {
                    let key = ((request * 7 + task * 13 + number) % usize::from(KEYS)) as u8;
                    let claims = [claim(key, MONTH, LIMIT, 1)];
                    let decision = reserve(&store, &claims).await.unwrap();
                    granted[usize::from(key)] += u64::from(decision.is_granted);
                }
                granted
            }));
        }
    }
    let mut granted = vec![0; usize::from(KEYS)];
    for task in tasks {
        for (sum, more) in granted.iter_mut().zip(task.await.unwrap()) {
            *sum += more;
        }
    }
    assert_eq!(granted, vec![LIMIT; usize::from(KEYS)]);
    let commands = server.info("commandstats", "cmdstat_evalsha");
    assert!(commands.starts_with("calls=20"), "one call for each request: {commands}");
}

#[tokio::test]
async fn claims_of_a_request_count_all_or_none() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [claim(1, MONTH, 100, 30), claim(2, MONTH, 50, 30), claim(3, MONTH, 1000, 30)];
    let decision = reserve(&store, &claims).await.unwrap();
    assert!(decision.is_granted);
    let used: Vec<_> = decision.standings.iter().map(|standing| standing.used).collect();
    let left: Vec<_> = decision.standings.iter().map(|standing| standing.remaining).collect();
    assert_eq!((used, left), (vec![30, 30, 30], vec![70, 20, 970]));

    let decision = reserve(&store, &claims).await.unwrap();
    assert!(!decision.is_granted);
    let exceeded: Vec<_> = decision.standings.iter().map(|standing| standing.is_exceeded).collect();
    assert_eq!(exceeded, [false, true, false]);
    let standing = decision.standings[1];
    assert_eq!((standing.used, standing.remaining), (30, 0));
    assert!(!standing.retry_after.is_zero() && standing.retry_after == standing.resets_after);
    for claim in &claims {
        assert_eq!(super::used(&store, claim).await, 30);
    }

    // A shadow limit counts beyond its maximum and does not refuse.
    let claims = [claims[0], Claim { is_shadow: true, ..claims[1] }];
    let decision = reserve(&store, &claims).await.unwrap();
    assert!(decision.is_granted && decision.standings[1].is_exceeded);
    assert_eq!(super::used(&store, &claims[1]).await, 60);
}

#[tokio::test]
async fn two_claims_of_one_counter_count_both() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [claim(1, MONTH, 100, 60), claim(1, MONTH, 100, 60)];
    let decision = reserve(&store, &claims).await.unwrap();
    assert!(!decision.is_granted && decision.standings[1].is_exceeded);
    assert_eq!(used(&store, &claims[0]).await, 0);
    let claims = [claim(1, MONTH, 100, 40), claim(1, MONTH, 100, 60)];
    assert!(reserve(&store, &claims).await.unwrap().is_granted);
    assert_eq!(used(&store, &claims[0]).await, 100);
}

#[tokio::test]
async fn amounts_are_exact_up_to_two_to_the_53() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let large = (1 << 53) - 10;
    let claims = [claim(1, Window::Fixed(Period::Month), u64::MAX, large)];
    assert_eq!(reserve(&store, &claims).await.unwrap().standings[0].used, large);
    let claims = [claim(1, Window::Fixed(Period::Month), u64::MAX, 3)];
    let standing = reserve(&store, &claims).await.unwrap().standings[0];
    assert_eq!((standing.used, standing.remaining), (large + 3, 6));
}

#[tokio::test]
async fn every_key_has_a_version_one_hash_tag_and_an_end() {
    let server = Server::start(&[]);
    let store = RedisStore::builder(server.url())
        .timeout(Duration::from_secs(10))
        .prefix("test")
        .build()
        .unwrap();
    let lease = Duration::from_secs(600);
    let bucket = |limit| Window::Bucket { per: Duration::from_secs(10), burst: limit };
    let claims = [
        leased(claim(1, MONTH, 100, 1), lease),
        claim(2, Window::Sliding(Duration::from_secs(5)), 100, 1),
        claim(3, bucket(5), 5, 1),
        claim(4, bucket(5), 0, 1),
        claim(5, Window::Fixed(Period::Month), 5, 0),
        leased(claim(6, Window::Sliding(Duration::from_secs(1)), 100, 1), lease),
    ];
    let decision = reserve(&store, &claims).await.unwrap();
    store.settle(next_id(), &[settlement(claims[2], &decision, 3)]);
    store.refund(&counter(7), MONTH, 10, Some(1)).await.unwrap();
    assert!(store.flush(TOO_LONG).await);

    let keys = server.keys();
    assert!(keys.len() >= 7, "{keys:?}");
    for key in &keys {
        assert!(key.starts_with("test:v2:{0707070707070707}:"), "{key}");
        let end = server.call(&["PTTL", key]).number();
        assert!(end > 0, "{key} has no end");
        // Reserved amounts must be stored as long as they are held.
        if key.contains("0101") || key.contains("0606") {
            assert!(end > 590_000, "{key} ends after {end} ms, before its lease");
        }
    }
}

#[tokio::test]
async fn a_settlement_replaces_the_reserved_amount() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let lease = Duration::from_secs(600);
    let claims = [leased(claim(1, MONTH, 1000, 300), lease), claim(2, MONTH, 10, 1)];
    let id = next_id();
    let decision = store.reserve(id, &claims).await.unwrap();
    let settlements = [settlement(claims[0], &decision, 120), settlement(claims[1], &decision, 0)];
    store.settle(id, &settlements);
    assert!(store.flush(TOO_LONG).await);
    assert_eq!((used(&store, &claims[0]).await, used(&store, &claims[1]).await), (120, 0));

    // Once more: a claim with a lease counts once.
    store.settle(id, &settlements[..1]);
    assert!(store.flush(TOO_LONG).await);
    assert_eq!(used(&store, &claims[0]).await, 120);

    // A claim that reserved nothing, and one that cost more than reserved.
    for (amount, spent) in [(0, 50), (100, 400)] {
        let before = used(&store, &claims[0]).await;
        let claim = [leased(claim(1, MONTH, 1000, amount), lease)];
        let id = next_id();
        let decision = store.reserve(id, &claim).await.unwrap();
        for _ in 0..2 {
            store.settle(id, &[settlement(claim[0], &decision, spent)]);
        }
        assert!(store.flush(TOO_LONG).await);
        assert_eq!(used(&store, &claims[0]).await, before + spent);
    }
    assert!(!server.keys().iter().any(|key| key.ends_with(":h")), "no holds are left");
}

#[tokio::test]
async fn a_counter_can_be_seen_raised_and_reset() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [claim(1, MONTH, 100, 80)];
    reserve(&store, &claims).await.unwrap();
    let standing = store.standing(&counter(1), MONTH, 100).await.unwrap();
    assert_eq!((standing.used, standing.remaining, standing.is_exceeded), (80, 20, false));
    assert!(!standing.resets_after.is_zero());

    store.refund(&counter(1), MONTH, 100, Some(30)).await.unwrap();
    assert_eq!(used(&store, &claims[0]).await, 50);
    store.refund(&counter(1), MONTH, 100, None).await.unwrap();
    let standing = store.standing(&counter(1), MONTH, 100).await.unwrap();
    assert_eq!((standing.used, standing.remaining), (0, 100));
    assert!(standing.resets_after.is_zero());
}

#[tokio::test]
async fn a_request_without_claims_does_not_ask_redis() {
    let store = RedisStore::builder("redis://127.0.0.1:1").build().unwrap();
    assert!(reserve(&store, &[]).await.unwrap().is_granted);
    assert_eq!(store.stats().failures, 0);
}
