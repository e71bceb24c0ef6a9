//! Purged entries never come back.

use super::*;

const ALL: [Purge; 5] = [
    Purge::All,
    Purge::Gateway(CacheScope([1; 16])),
    Purge::Part { gateway: CacheScope([1; 16]), part: CacheScope([2; 16]) },
    Purge::Part { gateway: CacheScope([1; 16]), part: CacheScope([3; 16]) },
    Purge::Part { gateway: CacheScope([1; 16]), part: CacheScope([4; 16]) },
];

#[tokio::test]
async fn a_purge_removes_its_target_and_nothing_else() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let other = |number: usize| {
        let mut other = CachePlace { custom: Some(scope(4)), ..place(10 + number as u8) };
        match number {
            0 => {}
            1 => other.gateway = scope(9),
            2 => other.provider = scope(9),
            3 => other.model = scope(9),
            _ => other.custom = None,
        }
        other
    };
    let own = CachePlace { custom: Some(scope(4)), ..place(1) };
    for (number, what) in ALL.iter().enumerate() {
        for place in [own, other(number)] {
            keep(&store, &place, entry(&[b"x"])).await;
            assert!(is_kept(&store, &place).await);
        }
        store.purge(what).await.unwrap();
        assert!(!is_kept(&store, &own).await, "{what:?}");
        assert_eq!(is_kept(&store, &other(number)).await, number > 0, "{what:?}");
    }
    for key in [1, 2] {
        keep(&store, &place(key), entry(&[b"x"])).await;
    }
    store.purge(&Purge::Entry { gateway: scope(1), key: CacheKey([1; 32]) }).await.unwrap();
    assert!(!is_kept(&store, &place(1)).await);
    assert!(is_kept(&store, &place(2)).await);
}

#[tokio::test]
async fn a_response_purged_under_way_is_not_stored() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let own = CachePlace { custom: Some(scope(4)), ..place(1) };
    let one = Purge::Entry { gateway: scope(1), key: own.key };
    for what in ALL.iter().chain([&one]) {
        let before = generation(&store, &own).await;
        let broadcast = lead(&store, &own).await;
        store.purge(what).await.unwrap();
        store.put(&own, entry(&[b"old"]), before).await.unwrap();
        assert!(!is_kept(&store, &own).await, "{what:?}");
        // Later requests do not read it either.
        let mut second = lead(&store, &own).await;
        broadcast.end(Some(entry(&[b"old"])));
        let (status, headers) = entry_head();
        second.head(status, &headers);
        second.end(Some(entry(&[b"new"])));
        eventually("the later one is kept", async || is_kept(&store, &own).await).await;
        for _ in 0..20 {
            let found = store.get(&own, &budget()).await.unwrap().entry.unwrap();
            assert_eq!(frames(&found), [b"new"], "{what:?}");
        }
        store.purge(&one).await.unwrap();
    }
}

/// The purge comes between two chunks of the entry.
#[tokio::test]
async fn an_entry_purged_while_it_is_written_is_not_stored() {
    let server = Server::start(&[]);
    let (writer, purger) = (patient(&server), patient(&server));
    let what = Purge::Entry { gateway: scope(1), key: place(1).key };
    // Loads the script into Redis.
    purger.purge(&what).await.unwrap();
    generation(&writer, &place(1)).await;
    // The last command of either connection is a lookup.
    assert!(!is_kept(&purger, &place(1)).await);
    let before = generation(&writer, &place(1)).await;
    let is_asked = async |command: &str| server.call(&["CLIENT", "LIST"]).text().contains(command);
    server.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    let writing = tokio::spawn(async move {
        let _ = writer.put(&place(1), entry(&[&[7; 600 << 10]]), before).await;
    });
    eventually("a chunk is to be written", async || is_asked("cmd=set").await).await;
    let purging = tokio::spawn(async move { purger.purge(&what).await });
    eventually("it is to be purged", async || is_asked("cmd=evalsha").await).await;
    server.call(&["CLIENT", "UNPAUSE"]);
    let _ = purging.await.unwrap();
    writing.await.unwrap();
    assert!(!is_kept(&patient(&server), &place(1)).await);
}

#[tokio::test]
async fn a_lost_generation_loses_entries_and_brings_none_back() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let own = CachePlace { custom: Some(scope(4)), ..place(1) };
    keep(&store, &own, entry(&[b"old"])).await;
    let key = the_key(&server, ":e:");
    let old = "a-copy-of-it";
    server.call(&["COPY", &key, old]);
    let mut generations = server.keys();
    generations.retain(|key| key.ends_with(":g") || key.contains(":g:"));
    assert_eq!(generations.len(), 5, "{generations:?}");
    for lost in &generations {
        server.call(&["COPY", old, &key, "REPLACE"]);
        let before = generation(&store, &own).await;
        server.call(&["DEL", lost]);
        assert!(!is_kept(&store, &own).await, "{lost}");
        store.put(&own, entry(&[b"old"]), before).await.unwrap();
        assert!(!is_kept(&store, &own).await, "{lost}");
        // All servers are back, and something new is stored.
        keep(&store, &own, entry(&[b"new"])).await;
        assert!(is_kept(&store, &own).await);
        server.call(&["COPY", old, &key, "REPLACE"]);
        assert!(!is_kept(&store, &own).await, "{lost}");
    }
    // The last purge is lost, but its entries stay purged.
    keep(&store, &own, entry(&[b"new"])).await;
    let before = generation(&store, &own).await;
    store.purge(&Purge::Entry { gateway: scope(1), key: own.key }).await.unwrap();
    let mut purges = server.keys();
    purges.retain(|key| key.ends_with(":p"));
    server.call(&["DEL", &purges[0]]);
    store.put(&own, entry(&[b"new"]), before).await.unwrap();
    assert!(!is_kept(&store, &own).await);
}

/// Clients choose names of models and custom keys.
#[tokio::test]
async fn a_generation_stays_long_only_once_something_is_stored() {
    const HOUR: i64 = 60 * 60 * 1000;
    let server = Server::start(&[]);
    let store = patient(&server);
    let left = |key: &String| server.call(&["PTTL", key]).number();
    generation(&store, &place(1)).await;
    let is_all = |key: &&String| key.contains("{all}");
    let keys = server.keys();
    let (all, own): (Vec<_>, Vec<_>) = keys.iter().partition(is_all);
    assert_eq!((all.len(), own.len()), (1, 4), "{keys:?}");
    for key in own {
        assert!((HOUR / 2..=HOUR).contains(&left(key)), "{key}: {}", left(key));
    }
    server.call(&["PEXPIRE", all[0], "60000"]);
    keep(&store, &place(1), entry(&[b"x"])).await;
    for key in keys {
        assert!(left(&key) > 29 * 24 * HOUR, "{key}: {}", left(&key));
    }
}

/// Every process can purge by a sealed key of any other, until everything is purged.
#[tokio::test]
async fn every_process_that_shares_entries_opens_a_sealed_key() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let elsewhere =
        RedisCache::builder(server.url()).prefix("other").timeout(TOO_LONG).build().unwrap();
    assert!(one.seal().await.unwrap().is_none(), "nothing is kept yet");
    keep(&one, &place(1), entry(&[b"x"])).await;
    generation(&elsewhere, &place(1)).await;
    let shown =
        one.get(&place(1), &budget()).await.unwrap().seal.unwrap().seal(scope(1), place(1).key);
    let open =
        async |store: &RedisCache| store.seal().await.unwrap().unwrap().open(scope(1), shown);
    assert_eq!(open(&other).await, Some(place(1).key));
    assert_eq!(open(&elsewhere).await, None);
    // The seal is the same for another entry and gateway, and changes only if everything is purged.
    for what in &ALL[1..] {
        other.purge(what).await.unwrap();
        assert_eq!(open(&one).await, Some(place(1).key), "{what:?}");
    }
    other.purge(&Purge::All).await.unwrap();
    assert_eq!(open(&one).await, None, "it is gone, and so is what it was for");
}
