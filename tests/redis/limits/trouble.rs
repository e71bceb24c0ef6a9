//! Redis unavailable, slow, restarted, full, read-only, or not Redis at all.

use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use tower_ai_gateway::control::ControlLayer;

use super::*;
use crate::polling::{TOO_LONG, eventually};

pub(super) const LONG: Duration = Duration::from_secs(600);
/// The time limit of a request that waits for Redis.
const TIMEOUT: Duration = Duration::from_millis(50);
/// The tolerance for a busy machine.
const SLACK: Duration = Duration::from_secs(4);

pub(super) fn hasty(server: &Server) -> RedisStore {
    RedisStore::builder(server.url()).timeout(TIMEOUT).build().unwrap()
}

pub(super) fn texts(error: &LimitStoreError) -> String {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}: {error:?}")
}

/// Fails if `work` takes longer than a request may wait.
#[track_caller]
fn in_time(started: Instant) {
    let took = started.elapsed();
    assert!(took < TIMEOUT + SLACK, "it took {took:?}");
}

pub(super) async fn until_it_answers(store: &RedisStore, claims: &[Claim]) -> Decision {
    let mut decision = None;
    eventually("Redis answers", async || {
        decision = reserve(store, claims).await.ok();
        decision.is_some()
    })
    .await;
    decision.unwrap()
}

#[tokio::test]
async fn a_store_starts_before_redis_and_finds_it_later() {
    let mut server = Server::start(&[]);
    server.kill();
    let store = hasty(&server);
    let claims = [claim(1, MONTH, 100, 1)];
    for _ in 0..20 {
        let started = Instant::now();
        assert!(reserve(&store, &claims).await.is_err());
        in_time(started);
    }
    assert!(store.stats().failures >= 20);
    assert!(server.run());
    assert!(until_it_answers(&store, &claims).await.is_granted);
}

#[tokio::test]
async fn after_failures_in_a_row_no_request_waits() {
    let mut server = Server::start(&[]);
    server.kill();
    let store = hasty(&server);
    let claims = [claim(1, MONTH, 100, 1)];
    for _ in 0..5 {
        assert!(reserve(&store, &claims).await.is_err());
    }
    // If each waited, it would take 50 ms: 50 s in total.
    let started = Instant::now();
    for _ in 0..1_000 {
        assert!(matches!(
            reserve(&store, &claims).await,
            Err(LimitStoreError::Unavailable(_) | LimitStoreError::Timeout)
        ));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
}

#[tokio::test]
async fn a_restarted_redis_is_found_again_without_its_scripts() {
    let mut server = Server::start(&[]);
    let store = hasty(&server);
    let claims = [leased(claim(1, MONTH, 1_000_000, 10), LONG)];
    let mut made = Vec::new();
    for _ in 0..100 {
        let id = next_id();
        let decision = until_it_answers(&store, &claims).await;
        made.push((id, decision));
    }
    server.kill();
    let started = Instant::now();
    let _ = reserve(&store, &claims).await.unwrap_err();
    in_time(started);
    assert!(server.run());
    // All counts and scripts are lost.
    let decision = until_it_answers(&store, &claims).await;
    assert_eq!(decision.standings[0].used, 10);
}

#[tokio::test]
async fn a_flushed_script_cache_costs_no_request() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [claim(1, MONTH, 100, 1)];
    for used in 1..10 {
        let decision = reserve(&store, &claims).await.unwrap();
        assert_eq!(decision.standings[0].used, used);
        server.call(&["SCRIPT", "FLUSH"]);
    }
    assert_eq!(store.stats().failures, 0);
}

#[tokio::test]
async fn settlements_wait_until_redis_is_back() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = Arc::new(patient(&server));
    let claims = [leased(claim(1, MONTH, 1_000_000, 10), LONG)];
    let mut made = Vec::new();
    for _ in 0..300 {
        let id = next_id();
        made.push((id, store.reserve(id, &claims).await.unwrap()));
    }
    server.kill();
    for (id, decision) in &made {
        store.settle(*id, &[settlement(claims[0], decision, 7)]);
    }
    assert!(!store.flush(Duration::from_millis(200)).await);
    let limits = ControlLayer::new().limits(store.clone()).limits_handle();
    let left = limits.flush(Duration::from_millis(200)).await;
    assert!(matches!(left, Err(LimitStoreError::Timeout)), "{left:?}");
    assert_eq!(store.stats().queued, 300);
    assert!(server.run());
    assert!(store.flush(TOO_LONG).await);
    // A settlement that reached Redis before it was killed was not counted twice.
    let mut used = 0;
    eventually("it answers", async || {
        let standing = store.standing(&claims[0].counter, MONTH, 1).await;
        used = standing.as_ref().map_or(0, |standing| standing.used);
        standing.is_ok()
    })
    .await;
    assert_eq!((used, store.stats().dropped), (2_100, 0));
}

#[tokio::test]
async fn too_many_settlements_are_dropped_and_counted() {
    let mut server = Server::start(&[]);
    let store = RedisStore::builder(server.url()).queue(100).build().unwrap();
    let claims = [leased(claim(1, MONTH, 1_000_000, 10), LONG)];
    let decision = until_it_answers(&store, &claims).await;
    server.kill();
    let started = Instant::now();
    for _ in 0..10_000 {
        store.settle(next_id(), &[settlement(claims[0], &decision, 7)]);
    }
    assert!(started.elapsed() < TOO_LONG);
    // Some may still be on their way.
    let stats = store.stats();
    assert!(stats.queued <= 612 && stats.dropped >= 9_388, "{stats:?}");
}

#[tokio::test]
async fn a_paused_redis_hangs_no_request_and_holds_nothing_afterwards() {
    let server = Server::start(&[]);
    let store = hasty(&server);
    let claims = [leased(claim(1, MONTH, 1_000_000, 10), LONG)];
    until_it_answers(&store, &claims).await;
    server.call(&["CLIENT", "PAUSE", "1500", "ALL"]);
    let mut timeouts = 0;
    for _ in 0..30 {
        let started = Instant::now();
        match reserve(&store, &claims).await {
            Ok(decision) => assert!(decision.is_granted),
            Err(LimitStoreError::Timeout) => timeouts += 1,
            Err(error) => assert!(timeouts > 0, "{}", texts(&error)),
        }
        in_time(started);
    }
    assert!(timeouts >= 1);
    until_it_answers(&store, &claims).await;
    assert!(store.flush(TOO_LONG).await);

    // Abandoned ones were reverted: only granted ones are held.
    let fresh = patient(&server);
    let used = used(&fresh, &claims[0]).await;
    let holds = server.keys().into_iter().find(|key| key.ends_with(":h")).unwrap();
    let holds = server.call(&["ZCARD", &holds]).number();
    assert_eq!(used, 10 * u64::try_from(holds).unwrap());
    assert!(holds < 30, "{holds} are held");
}

/// Both from a connection, and while one is made.
#[tokio::test]
async fn an_answer_may_take_as_long_as_the_timeout() {
    let server = Server::start(&[]);
    let (store, unconnected) = (patient(&server), patient(&server));
    let claims = [claim(1, MONTH, 100, 1)];
    reserve(&store, &claims).await.unwrap();
    server.call(&["CLIENT", "PAUSE", "3000", "ALL"]);
    let (one, other) = tokio::join!(reserve(&store, &claims), reserve(&unconnected, &claims));
    assert!(one.unwrap().is_granted && other.unwrap().is_granted);
}

#[tokio::test]
async fn a_full_redis_refuses_whole_scripts_and_is_found_again() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [leased(claim(1, MONTH, 1_000_000, 10), LONG), claim(2, MONTH, 100, 1)];
    let id = next_id();
    let decision = store.reserve(id, &claims).await.unwrap();
    server.call(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..3 {
        let error = reserve(&store, &claims).await.unwrap_err();
        assert!(texts(&error).contains("OOM"), "{}", texts(&error));
    }
    // Settlements free memory.
    store.settle(id, &[settlement(claims[0], &decision, 4)]);
    assert!(store.flush(TOO_LONG).await);
    assert_eq!(used(&store, &claims[0]).await, 4);

    server.call(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(reserve(&store, &claims).await.unwrap().standings[1].used, 2);
}

#[tokio::test]
async fn a_replica_is_replaced_by_reconnecting_to_its_name() {
    let master = Server::start(&[]);
    let server = Server::start(&[]);
    let store = patient(&server);
    let claims = [claim(1, MONTH, 100, 1)];
    reserve(&store, &claims).await.unwrap();
    server.call(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    let error = reserve(&store, &claims).await.unwrap_err();
    assert!(texts(&error).contains("READONLY"), "{}", texts(&error));

    // New connections are made meanwhile, because the name may now belong to another server.
    let connections = |server: &Server| server.info("stats", "total_connections_received");
    let before: u64 = connections(&server).parse().unwrap();
    let mut asked = 0;
    eventually("a new connection", async || {
        asked += 1;
        assert!(reserve(&store, &claims).await.is_err());
        // `INFO` uses a separate connection.
        connections(&server).parse::<u64>().unwrap() > before + asked
    })
    .await;
    server.call(&["REPLICAOF", "NO", "ONE"]);
    until_it_answers(&store, &claims).await;
}

#[tokio::test]
async fn a_server_that_never_answers_hangs_no_request() {
    // The system accepts the connection, and nobody reads it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let store = RedisStore::builder(url).timeout(TIMEOUT).build().unwrap();
    let claims = [leased(claim(1, MONTH, 100, 1), LONG)];
    for _ in 0..30 {
        let started = Instant::now();
        assert!(reserve(&store, &claims).await.is_err());
        in_time(started);
    }
    assert!(!store.flush(TIMEOUT).await);
}
