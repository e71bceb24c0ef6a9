//! One process calls the provider, and the others read its response.

use std::time::Instant;

use tokio::time::timeout;

use super::leases::OVER;
use super::*;

#[tokio::test]
async fn a_leader_knows_whether_it_is_followed() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let mut broadcast = lead(&one, &place(1)).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!broadcast.is_followed());
    let mut followed = follow(&other, &place(1)).await.await.unwrap().unwrap();
    eventually("it is followed", async || broadcast.is_followed()).await;
    // As long as there is a follower, and no longer.
    assert!(timeout(OVER + OVER / 2, next(&mut followed)).await.is_err());
    assert!(broadcast.is_followed());
    drop(followed);
    eventually("nobody follows", async || !broadcast.is_followed()).await;
}

#[tokio::test]
async fn followers_get_every_byte_in_order_and_the_response_is_stored() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (status, headers) = entry_head();
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    broadcast.data(&Bytes::from_static(b"first"));
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!((followed.status, &followed.headers), (status, &headers));
    let frame = next(&mut followed).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(frame, "first");
    // A late follower gets every byte, too.
    let mut late = follow(&other, &place(1)).await.await.unwrap().unwrap();
    let mut all = b"first".to_vec();
    for number in 0..300_u32 {
        let frame = number.to_string().repeat(1 + number as usize * 3);
        broadcast.data(&Bytes::from(frame.clone()));
        all.extend_from_slice(frame.as_bytes());
        tokio::task::yield_now().await;
    }
    let mut kept = parts(&[&all]);
    kept.trailers = Some(headers.clone());
    broadcast.trailers(&headers);
    broadcast.end(Some(CacheEntry::new(kept)));
    let (mut data, mut trailers) = (b"first".to_vec(), None);
    while let Some(frame) = next(&mut followed).await {
        match frame.unwrap().into_data() {
            Ok(more) => data.extend_from_slice(&more),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    assert!(data == all);
    assert_eq!(trailers, Some(headers));
    assert!(read(&mut late).await == (all.clone(), true));
    eventually("it is kept", async || is_kept(&other, &place(1)).await).await;
    assert!(frames(&other.get(&place(1), &budget()).await.unwrap().entry.unwrap()) == [all]);
}

/// Each part is read before there is another: none waits for one that comes after it.
#[tokio::test]
async fn each_part_comes_before_the_next_is_sent() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    for key in 1..=10 {
        let mut broadcast = lead(&one, &place(key)).await;
        let following = tokio::spawn(follow(&other, &place(key)).await);
        let (status, headers) = entry_head();
        broadcast.head(status, &headers);
        let mut followed = following.await.unwrap().unwrap().unwrap();
        for part in ["first", "second"] {
            broadcast.data(&Bytes::from_static(part.as_bytes()));
            let frame = timeout(TOO_LONG, next(&mut followed)).await.unwrap().unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
        }
        broadcast.end(None);
        assert_eq!(read(&mut followed).await, (Vec::new(), true));
    }
}

#[tokio::test]
async fn a_leader_that_ends_before_its_head_wakes_followers() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let broadcast = lead(&one, &place(1)).await;
    let following = follow(&other, &place(1)).await;
    drop(broadcast);
    assert!(following.await.unwrap().is_none());
    // The follower can lead at once.
    let started = Instant::now();
    let mut broadcast = lead(&other, &place(1)).await;
    assert!(started.elapsed() < Duration::from_secs(4), "a lease lasts for 5 s");
    let mut followed = {
        let following = follow(&one, &place(1)).await;
        let (status, headers) = entry_head();
        broadcast.head(status, &headers);
        broadcast.data(&Bytes::from_static(b"part"));
        following.await.unwrap().unwrap()
    };
    drop(next(&mut followed).await.unwrap().unwrap());
    drop(broadcast);
    assert_eq!(read(&mut followed).await, (Vec::new(), false), "never a clean end");
    assert!(!is_kept(&one, &place(1)).await);
}

#[tokio::test]
async fn a_complete_but_unstored_response_ends_cleanly_without_new_followers() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    broadcast.data(&Bytes::from_static(b"all"));
    broadcast.end(None);
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(read(&mut followed).await, (b"all".to_vec(), true));
    eventually("the lease is given up", async || {
        !server.keys().iter().any(|key| key.contains(":l:"))
    })
    .await;
    drop(lead(&other, &place(1)).await);
    assert!(!is_kept(&one, &place(1)).await);
}

/// A request whose lookup came just before the entry was stored does not call the provider.
#[tokio::test]
async fn a_request_that_looked_up_too_early_gets_the_new_entry() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let mut broadcast = lead(&one, &place(1)).await;
    let early = other.get(&place(1), &budget()).await.unwrap();
    assert!(early.entry.is_none());
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    broadcast.data(&Bytes::from_static(b"all"));
    broadcast.end(Some(entry(&[b"all"])));
    eventually("it is kept", async || is_kept(&one, &place(1)).await).await;
    let Turn::Follow(following) = other.turn(&place(1), early.generation, &budget()).await.unwrap()
    else {
        panic!("it would ask the provider again");
    };
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(read(&mut followed).await, (b"all".to_vec(), true));
}

/// No budget counts what the reader holds ahead of its client.
#[tokio::test]
async fn a_reader_takes_one_batch_at_a_time() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    broadcast.data(&Bytes::from(vec![7; 1 << 20]));
    broadcast.end(None);
    eventually("all of it is streamed", async || {
        !server.keys().iter().any(|key| key.contains(":l:"))
    })
    .await;
    let sent = || server.info("stats", "total_net_output_bytes").parse::<usize>().unwrap();
    let before = sent();
    let mut followed = following.await.unwrap().unwrap();
    let read_at_once = sent() - before;
    assert!(read_at_once < 300 << 10, "{read_at_once}");
    assert!(read(&mut followed).await == (vec![7; 1 << 20], true));
}

/// All at once, with no pause for the broadcast to send any of it.
#[tokio::test]
async fn a_response_faster_than_its_broadcast_is_sent_whole_and_stored() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    let mut followed = following.await.unwrap().unwrap();
    let megabyte = vec![7; 1 << 20];
    for _ in 0..20 {
        broadcast.data(&Bytes::from(megabyte.clone()));
    }
    let (sender, written) = tokio::sync::oneshot::channel();
    broadcast.on_written(Box::new(move |is_kept| sender.send(is_kept).unwrap()));
    broadcast.end(Some(entry(&[&*megabyte; 20])));
    assert!(read(&mut followed).await == (megabyte.repeat(20), true));
    assert!(written.await.unwrap());
    let kept = one.get(&place(1), &budget()).await.unwrap().entry.unwrap();
    assert!(frames(&kept) == vec![megabyte; 20]);
}

#[tokio::test]
async fn a_purged_response_is_reported_as_not_stored() {
    let server = Server::start(&[]);
    let store = patient(&server);
    let mut broadcast = lead(&store, &place(1)).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    store.purge(&Purge::All).await.unwrap();
    let (sender, written) = tokio::sync::oneshot::channel();
    broadcast.on_written(Box::new(move |is_kept| sender.send(is_kept).unwrap()));
    broadcast.end(Some(entry(&[b"x"])));
    assert!(!written.await.unwrap());
}
