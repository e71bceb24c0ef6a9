//! Redis unavailable, slow, restarted, full or read-only: a miss in bounded time.

use std::time::Instant;

use tower_ai_gateway::settings::Secret;

use super::*;
use crate::written::Written;

/// The time limit of a request that waits for Redis.
const TIMEOUT: Duration = Duration::from_millis(50);
/// The tolerance for a busy machine.
const SLACK: Duration = Duration::from_secs(4);

fn hasty(server: &Server) -> RedisCache {
    RedisCache::builder(server.url()).timeout(TIMEOUT).build().unwrap()
}

/// Fails if `work` takes longer than a request may wait.
async fn in_time<T>(question: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let answer = question.await;
    let took = started.elapsed();
    assert!(took < TIMEOUT + SLACK, "it took {took:?}");
    answer
}

async fn until_it_answers(store: &RedisCache) -> Found {
    let mut found = None;
    eventually("Redis answers", async || {
        found = store.get(&place(1), &budget()).await.ok();
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[tokio::test]
async fn a_killed_redis_fails_in_time_and_is_found_after_a_restart() {
    let mut server = Server::start(&[]);
    let store = hasty(&server);
    until_it_answers(&store).await;
    keep(&patient(&server), &place(1), entry(&[b"x"])).await;
    let before = until_it_answers(&store).await;
    assert!(before.entry.is_some());
    server.kill();
    for _ in 0..10 {
        assert!(in_time(store.get(&place(1), &budget())).await.is_err());
        assert!(in_time(store.turn(&place(1), before.generation, &budget())).await.is_err());
    }
    assert!(store.stats().failures >= 20);
    assert!(store.purge(&Purge::All).await.is_err(), "whoever purges must know");
    assert!(server.run());
    // All data is lost, including scripts; active requests belong to a generation that is gone.
    assert!(until_it_answers(&store).await.entry.is_none());
    let store = patient(&server);
    store.put(&place(1), entry(&[b"old"]), before.generation).await.unwrap();
    assert!(!is_kept(&store, &place(1)).await);
    keep(&store, &place(1), entry(&[b"new"])).await;
    assert!(is_kept(&store, &place(1)).await);
}

#[tokio::test]
async fn followers_break_off_if_redis_is_killed_in_mid_stream() {
    let mut server = Server::start(&[]);
    let (one, other) = (patient(&server), hasty(&server));
    until_it_answers(&other).await;
    let mut broadcast = lead(&one, &place(1)).await;
    let following = follow(&patient(&server), &place(1)).await;
    let before = follow(&patient(&server), &place(1)).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    broadcast.data(&Bytes::from_static(b"part"));
    let mut followed = following.await.unwrap().unwrap();
    next(&mut followed).await.unwrap().unwrap();
    server.kill();
    assert_eq!(read(&mut followed).await, (Vec::new(), false));
    assert!(before.await.unwrap().is_none());
    broadcast.data(&Bytes::from_static(b"more"));
    broadcast.end(Some(entry(&[b"part", b"more"])));
}

#[tokio::test]
async fn a_paused_redis_is_a_miss_in_time() {
    let server = Server::start(&[]);
    let store = hasty(&server);
    let found = until_it_answers(&store).await;
    server.call(&["CLIENT", "PAUSE", "600", "ALL"]);
    let started = Instant::now();
    let failed = in_time(store.get(&place(1), &budget())).await.is_err();
    let has_no_turn = in_time(store.turn(&place(1), found.generation, &budget())).await.is_err();
    assert!((failed && has_no_turn) || started.elapsed() > Duration::from_millis(500));
    until_it_answers(&store).await;
    // The unclaimed lease is released at once, so another request does not wait for its end.
    let store = patient(&server);
    let started = Instant::now();
    eventually("no lease is left", async || {
        matches!(store.turn(&place(1), found.generation, &budget()).await, Ok(Turn::Lead(Some(_))))
    })
    .await;
    // A lease expires after 5 s.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

/// Redis grants the lease after the request has stopped waiting.
#[tokio::test]
async fn an_unclaimed_lease_is_released_at_once() {
    let server = Server::start(&[]);
    let store = hasty(&server);
    let generation = until_it_answers(&store).await.generation;
    // Redis knows the script, so one command is enough.
    drop(lead(&patient(&server), &place(2)).await);
    eventually("that lease is given up", async || {
        !server.keys().iter().any(|key| key.contains(":l:"))
    })
    .await;
    let turns = the_key(&server, ":n");
    let before = server.call(&["GET", &turns]).text();
    server.call(&["CLIENT", "PAUSE", "300", "WRITE"]);
    assert!(store.turn(&place(1), generation, &budget()).await.is_err());
    let started = Instant::now();
    eventually("it is granted", async || server.call(&["GET", &turns]).text() != before).await;
    eventually("it is given up", async || !server.keys().iter().any(|key| key.contains(":l:")))
        .await;
    // A lease expires after 5 s.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_full_redis_stores_nothing_and_serves_what_it_has() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let store = patient(&server);
    keep(&store, &place(1), entry(&[b"x"])).await;
    let generation = generation(&store, &place(2)).await;
    server.call(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(is_kept(&store, &place(1)).await);
    assert!(store.put(&place(2), entry(&[b"x"]), generation).await.is_err());
    assert!(store.turn(&place(2), generation, &budget()).await.is_err());
    assert!(!is_kept(&store, &place(2)).await);
    // Operations that free memory still work.
    store.purge(&Purge::Entry { gateway: scope(1), key: CacheKey([1; 32]) }).await.unwrap();
    assert!(!is_kept(&store, &place(1)).await);
    server.call(&["CONFIG", "SET", "maxmemory", "0"]);
    keep(&store, &place(2), entry(&[b"x"])).await;
    assert!(is_kept(&store, &place(2)).await);
}

/// Redis may evict keys: entries are lost, but none is wrong.
#[tokio::test]
async fn a_redis_that_evicts_serves_what_is_left() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru"]);
    let store = patient(&server);
    let used: u64 = server.info("memory", "used_memory").parse().unwrap();
    server.call(&["CONFIG", "SET", "maxmemory", &(used + (4 << 20)).to_string()]);
    let body = |key: u8| vec![key; 200_000];
    for key in 1..=60 {
        let generation = generation(&store, &place(key)).await;
        // The write may be refused if its generation was evicted since.
        store.put(&place(key), entry(&[&body(key)]), generation).await.unwrap();
    }
    let mut found = 0;
    for key in 1..=60 {
        if let Some(entry) = store.get(&place(key), &budget()).await.unwrap().entry {
            assert!(frames(&entry) == [body(key)]);
            found += 1;
        }
    }
    assert!(found < 60, "{found}");
    let evicted: u64 = server.info("stats", "evicted_keys").parse().unwrap();
    assert!(evicted > 0);
}

#[tokio::test]
async fn a_read_only_replica_serves_what_it_has() {
    let master = Server::start(&["--repl-diskless-sync-delay", "0"]);
    keep(&patient(&master), &place(1), entry(&[b"x"])).await;
    let replica = Server::start(&[]);
    replica.call(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    let store = patient(&replica);
    eventually("it has the answer", async || {
        store.get(&place(1), &budget()).await.is_ok_and(|found| found.entry.is_some())
    })
    .await;
    let generation = generation(&store, &place(1)).await;
    assert!(store.put(&place(1), entry(&[b"y"]), generation).await.is_err());
    assert!(store.turn(&place(1), generation, &budget()).await.is_err());
    assert!(store.purge(&Purge::All).await.is_err());
}

#[tokio::test]
async fn an_outage_is_logged_once_and_so_is_its_end() {
    let (written, _guard) = Written::capture();
    let mut server = Server::start(&[]);
    let store = patient(&server);
    until_it_answers(&store).await;
    server.kill();
    for _ in 0..50 {
        assert!(store.get(&place(1), &budget()).await.is_err());
    }
    assert!(server.run());
    until_it_answers(&store).await;
    let lines = written.lines();
    let of = |level| lines.iter().filter(|line| line.contains(level)).count();
    assert_eq!((of(" WARN "), of(" INFO ")), (1, 1), "{lines:#?}");
}

/// A user who may run only the documented commands.
pub(super) fn confined(server: &Server) -> RedisCache {
    let rule = "~taig:* +evalsha +eval +mget +get +set +exists +getrange +strlen +incr +rpush +lrange \
                +ltrim +llen +lindex +pexpire +del +unlink +ping +hello +client";
    let words: Vec<_> = rule.split_whitespace().collect();
    let user = [&["ACL", "SETUSER", "gateway", "on", ">the-gateway-password"][..], &words].concat();
    server.call(&user);
    let password = Secret::new("the-gateway-password").unwrap();
    let builder = RedisCache::builder(server.url()).timeout(TOO_LONG);
    builder.user("gateway").password(password).build().unwrap()
}

#[tokio::test]
async fn an_acl_of_these_commands_suffices_and_no_password_is_shown() {
    let server = Server::start(&[]);
    let store = confined(&server);
    server.call(&["ACL", "SETUSER", "default", "off"]);
    assert!(!format!("{store:?}").contains("password"));
    let long = vec![7; 600 << 10];
    keep(&store, &place(1), entry(&[&long])).await;
    keep(&store, &place(1), entry(&[&long])).await;
    assert!(is_kept(&store, &place(1)).await);
    let (status, headers) = entry_head();
    for is_whole in [false, true] {
        let mut broadcast = lead(&store, &place(2)).await;
        let following = follow(&store, &place(2)).await;
        broadcast.head(status, &headers);
        let mut followed = following.await.unwrap().unwrap();
        match is_whole {
            true => broadcast.end(Some(entry(&[b"x"]))),
            false => drop(broadcast),
        }
        assert_eq!(read(&mut followed).await.1, is_whole);
    }
    eventually("it is kept", async || is_kept(&store, &place(2)).await).await;
    for what in [Purge::All, Purge::Entry { gateway: scope(1), key: CacheKey([2; 32]) }] {
        store.purge(&what).await.unwrap();
    }
    assert!(!is_kept(&store, &place(2)).await);
    assert_eq!(store.stats().failures, 0);
}
