//! Stored answers are returned unchanged or not at all.

use super::*;

#[tokio::test]
async fn every_process_finds_an_entry_unchanged() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let mut new = parts(&[b"data: 1\n\n", b"", b"data: [DONE]\n\n"]);
    new.times = vec![1, 2, 3];
    new.trailers = Some(new.headers.clone());
    let text = format!("{new:?}");
    let Found { entry, generation, .. } = one.get(&place(1), &budget()).await.unwrap();
    assert!(entry.is_none());
    one.put(&place(1), CacheEntry::new(new), generation).await.unwrap();
    let found = other.get(&place(1), &budget()).await.unwrap().entry.unwrap();
    assert_eq!(format!("{:?}", found.parts()), text);
    assert!(!is_kept(&other, &place(2)).await);
    assert_eq!(other.stats().failures, 0);
}

#[tokio::test]
async fn gateways_with_another_prefix_share_nothing() {
    let server = Server::start(&[]);
    let one = patient(&server);
    keep(&one, &place(1), entry(&[b"x"])).await;
    let other =
        RedisCache::builder(server.url()).prefix("other").timeout(TOO_LONG).build().unwrap();
    assert!(!is_kept(&other, &place(1)).await);
}

#[tokio::test]
async fn an_entry_expires_after_its_stale_period() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let mut new = parts(&[b"x"]);
    new.fresh_for = Duration::from_millis(1);
    new.stale_for = Duration::from_secs(100);
    keep(&store, &place(1), CacheEntry::new(new)).await;
    assert!(is_kept(&store, &place(1)).await, "for failures");
    let left = server.call(&["PTTL", &the_key(&server, ":e:")]).number();
    assert!((90_000..=100_001).contains(&left), "{left}");

    let mut new = parts(&[b"x"]);
    new.fresh_for = Duration::from_millis(50);
    keep(&store, &place(2), CacheEntry::new(new)).await;
    eventually("it is over", async || !is_kept(&store, &place(2)).await).await;
    let mut new = parts(&[b"x"]);
    new.stored_at -= Duration::from_secs(1_000);
    keep(&store, &place(3), CacheEntry::new(new)).await;
    assert!(!is_kept(&store, &place(3)).await);
}

/// Changed directly in Redis: a change of any bit of a value must be detected.
#[tokio::test]
async fn a_bit_flipped_in_redis_is_a_miss() {
    let server = Server::start(&[]);
    let store = patient(&server);
    keep(&store, &place(1), entry(&[b"data: 1\n\n", b"data: [DONE]\n\n"])).await;
    let key = the_key(&server, ":e:");
    let bits = 8 * server.call(&["STRLEN", &key]).number();
    let flip = |bit: i64| {
        let bit = bit.to_string();
        let was = server.call(&["GETBIT", &key, &bit]).number();
        server.call(&["SETBIT", &key, &bit, if was == 0 { "1" } else { "0" }]);
    };
    for bit in 0..bits {
        flip(bit);
        assert!(!is_kept(&store, &place(1)).await, "{bit}");
        flip(bit);
    }
    assert!(is_kept(&store, &place(1)).await);
    server.call(&["APPEND", &key, "x"]);
    assert!(!is_kept(&store, &place(1)).await);
    // Another entry's value, and a value that is not text.
    keep(&store, &place(2), entry(&[b"other"])).await;
    server.call(&["COPY", &key.replace(&"01".repeat(32), &"02".repeat(32)), &key, "REPLACE"]);
    assert!(!is_kept(&store, &place(1)).await);
    server.call(&["DEL", &key]);
    server.call(&["RPUSH", &key, "x"]);
    assert!(store.get(&place(1), &budget()).await.is_ok_and(|found| found.entry.is_none()));
}

#[tokio::test]
async fn a_long_entry_needs_all_of_its_chunks() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let frame: Vec<u8> = (0..400_000_u32).map(|byte| (byte * 7 / 3) as u8).collect();
    let long = vec![&frame[..]; 7];
    keep(&store, &place(1), entry(&long)).await;
    let found = store.get(&place(1), &budget()).await.unwrap().entry.unwrap();
    assert!(frames(&found) == long);
    let chunks = |server: &Server| {
        let mut keys = server.keys();
        keys.retain(|key| key.contains(":e:") && key.matches(':').count() > 4);
        keys.sort();
        keys
    };
    let first = chunks(&server);
    assert_eq!(first.len(), 6, "{first:?}");
    for key in &first {
        assert!(server.call(&["STRLEN", key]).number() <= 512 << 10);
        assert!(server.call(&["PTTL", key]).number() > 200_000);
    }
    // They are deleted and replaced by another answer.
    keep(&store, &place(1), entry(&long)).await;
    let second = chunks(&server);
    assert!(second.len() == 6 && first.iter().all(|key| !second.contains(key)));
    for lost in &second {
        server.call(&["RENAME", lost, "elsewhere"]);
        assert!(!is_kept(&store, &place(1)).await, "{lost}");
        server.call(&["RENAME", "elsewhere", lost]);
    }
    assert!(is_kept(&store, &place(1)).await);
    server.call(&["SETBIT", &second[3], "77777", "1"]);
    server.call(&["SETBIT", &second[3], "77778", "0"]);
    assert!(!is_kept(&store, &place(1)).await);
    store.purge(&Purge::Entry { gateway: scope(1), key: CacheKey([1; 32]) }).await.unwrap();
    assert!(chunks(&server).is_empty());
}

#[tokio::test]
async fn every_key_has_a_time_to_live_and_a_version_in_its_name() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let custom = CachePlace { custom: Some(scope(4)), ..place(1) };
    keep(&store, &custom, entry(&[b"x"])).await;
    keep(&store, &place(2), entry(&[&vec![7; 600 << 10]])).await;
    let mut broadcast = lead(&store, &place(3)).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    broadcast.data(&Bytes::from_static(b"x"));
    eventually("it is streamed", async || server.keys().iter().any(|key| key.contains(":r:")))
        .await;
    for what in [
        Purge::All,
        Purge::Gateway(scope(1)),
        Purge::Part { gateway: scope(1), part: scope(3) },
        Purge::Entry { gateway: scope(1), key: CacheKey([1; 32]) },
    ] {
        store.purge(&what).await.unwrap();
    }
    let keys = server.keys();
    assert!(keys.len() >= 11, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("taig:c1:{"), "{key}");
        assert!(server.call(&["PTTL", &key]).number() > 0, "{key}");
    }
    drop(broadcast);
}

#[tokio::test]
async fn an_entry_counts_in_the_budget_while_it_is_read() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let long = vec![7; 700 << 10];
    for (key, data) in [(1, &long[..]), (2, b"short")] {
        keep(&store, &place(key), entry(&[data])).await;
        let budget = BodyBudget::new(2 << 20);
        let found = store.get(&place(key), &budget).await.unwrap().entry.unwrap();
        let all = frames(&found);
        assert!(all == [data] && budget.used() >= data.len(), "{}", budget.used());
        let copy = found.clone();
        drop(found);
        assert!(budget.used() >= data.len(), "somebody reads it still");
        drop(copy);
        assert_eq!(budget.used(), 0);

        let full = BodyBudget::new(data.len());
        let found = store.get(&place(key), &full).await.unwrap();
        assert!(found.entry.is_none() && full.used() == 0);
        assert_eq!(
            found.generation,
            generation(&store, &place(key)).await,
            "a miss like any other"
        );
    }
    assert_eq!(store.stats().failures, 0);
}
