//! Recordings that are lost or corrupt before they are read.

use super::leases::killed;
use super::*;

/// Four batches: head, first, second, end. They are complete before the follower reads, and nobody holds
/// the lease any more.
#[tokio::test]
async fn a_lost_or_changed_recording_breaks_off() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (status, headers) = entry_head();
    let changed = "local batch = redis.call('LINDEX', KEYS[1], 2)
                   redis.call('LSET', KEYS[1], 2, (string.gsub(batch, 'second', 'sEcond')))";
    let repeated = "redis.call('LSET', KEYS[1], 2, redis.call('LINDEX', KEYS[1], 1))";
    let left_out = "redis.call('LREM', KEYS[1], 1, redis.call('LINDEX', KEYS[1], 1))";
    let shortened = "redis.call('RPOP', KEYS[1])";
    let cases = [
        ("return 1", "firstsecond", true),
        (changed, "first", false),
        (repeated, "first", false),
        (left_out, "", false),
        (shortened, "firstsecond", false),
    ];
    for (key, (spoil, expected, is_clean)) in (1..).zip(cases) {
        let mut broadcast = lead(&one, &place(key)).await;
        let following = follow(&other, &place(key)).await;
        broadcast.head(status, &headers);
        let has = async |count| {
            eventually("it is streamed", async || {
                let recordings = server.keys().into_iter().filter(|key| key.contains(":r:"));
                recordings.map(|key| server.call(&["LLEN", &key]).number()).sum::<i64>() == count
            })
            .await;
        };
        has(1).await;
        broadcast.data(&Bytes::from_static(b"first"));
        has(2).await;
        broadcast.data(&Bytes::from_static(b"second"));
        has(3).await;
        broadcast.end(None);
        has(4).await;
        eventually("the lease is given up", async || {
            !server.keys().iter().any(|key| key.contains(":l:"))
        })
        .await;
        let recording = the_key(&server, ":r:");
        server.call(&["EVAL", spoil, "1", &recording]);
        let mut followed = following.await.unwrap().unwrap();
        let (data, was_clean) = read(&mut followed).await;
        let data = String::from_utf8(data).unwrap();
        assert_eq!((&*data, was_clean), (expected, is_clean), "{spoil}");
        server.call(&["DEL", &recording]);
    }
}

/// The lease is held throughout, so that more batches might come.
#[tokio::test]
async fn a_recording_shorter_than_what_was_read_breaks_off() {
    let server = Server::start(&[]);
    let store = patient(&server);
    killed(&server, place(1), true);
    server.call(&["PERSIST", &the_key(&server, ":l:")]);
    let mut followed = follow(&store, &place(1)).await.await.unwrap().unwrap();
    next(&mut followed).await.unwrap().unwrap();
    server.call(&["DEL", &the_key(&server, ":r:")]);
    let rest = tokio::time::timeout(TOO_LONG, read(&mut followed)).await;
    assert_eq!(rest.expect("it waits for what never comes"), (Vec::new(), false));
}

/// The recording is gone because the follower was slow, but the entry is stored.
#[tokio::test]
async fn a_slow_follower_gets_the_rest_from_the_entry_if_it_is_the_same_response() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (status, headers) = entry_head();
    for (key, kept, expected) in [
        (1, [&b"fir"[..], b"st and", b" the rest"], (&b" and the rest"[..], true)),
        (2, [b"anot", b"her", b" one"], (b"", false)),
        (3, [b"f", b"i", b"r"], (b"", false)),
    ] {
        let mut broadcast = lead(&one, &place(key)).await;
        let following = follow(&other, &place(key)).await;
        broadcast.head(status, &headers);
        broadcast.data(&Bytes::from_static(b"first"));
        let mut followed = following.await.unwrap().unwrap();
        assert_eq!(next(&mut followed).await.unwrap().unwrap().into_data().unwrap(), "first");
        broadcast.data(&Bytes::from_static(b" and the rest"));
        broadcast.end(Some(entry(&kept)));
        eventually("it is kept", async || is_kept(&one, &place(key)).await).await;
        server.call(&["DEL", &the_key(&server, ":r:")]);
        let (data, is_clean) = read(&mut followed).await;
        assert_eq!((&*data, is_clean), expected, "{key}");
    }
}

/// The follower has read only a head, which differs from that of the stored entry.
#[tokio::test]
async fn the_body_of_another_response_does_not_follow_a_head() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let (broadcast, following) = headed(&store, &store, &place(1)).await;
    let mut followed = following.await.unwrap().unwrap();
    let mut other = parts(&[b"other"]);
    other.headers.insert("content-type", HeaderValue::from_static("application/json"));
    broadcast.end(Some(CacheEntry::new(other)));
    eventually("it is kept", async || is_kept(&store, &place(1)).await).await;
    server.call(&["DEL", &the_key(&server, ":r:")]);
    assert_eq!(read(&mut followed).await, (Vec::new(), false));
}
