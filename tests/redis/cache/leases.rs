//! The leader holds a lease.

use std::time::Instant;

use super::*;

/// Longer than a lease lasts.
pub(super) const OVER: Duration = Duration::from_millis(5_100);

/// The leader's process is gone: here, the runtime that renews the lease.
pub(super) fn killed(server: &Server, place: CachePlace, tell: bool) {
    let url = server.url();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let broadcast = runtime.block_on(async {
            let store = RedisCache::builder(url).timeout(TOO_LONG).build().unwrap();
            let mut broadcast = lead(&store, &place).await;
            if tell {
                let (status, headers) = entry_head();
                broadcast.head(status, &headers);
                broadcast.data(&Bytes::from_static(b"part"));
                // Whoever gets it has it from Redis.
                let mut followed = follow(&store, &place).await.await.unwrap().unwrap();
                next(&mut followed).await.unwrap().unwrap();
            }
            broadcast
        });
        runtime.shutdown_background();
        std::mem::forget(broadcast);
    })
    .join()
    .unwrap();
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_by_another() {
    let server = Server::start(&[]);
    let store = patient(&server);
    killed(&server, place(1), false);
    let following = follow(&store, &place(1)).await;
    assert!(following.await.unwrap().is_none());
    drop(lead(&store, &place(1)).await);

    killed(&server, place(2), true);
    let mut followed = follow(&store, &place(2)).await.await.unwrap().unwrap();
    assert_eq!(read(&mut followed).await, (b"part".to_vec(), false), "never a clean end");
    let (mut broadcast, following) = headed(&store, &store, &place(2)).await;
    broadcast.data(&Bytes::from_static(b"whole"));
    broadcast.end(Some(entry(&[b"whole"])));
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(read(&mut followed).await, (b"whole".to_vec(), true));
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_leader_goes_on() {
    let server = Server::start(&[]);
    let (one, other) = (patient(&server), patient(&server));
    let mut broadcast = lead(&one, &place(1)).await;
    let following = tokio::spawn(follow(&other, &place(1)).await);
    tokio::time::sleep(2 * OVER).await;
    assert!(!following.is_finished());
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    broadcast.data(&Bytes::from_static(b"late"));
    tokio::time::sleep(OVER).await;
    broadcast.end(Some(entry(&[b"late"])));
    let mut followed = following.await.unwrap().unwrap().unwrap();
    assert_eq!(read(&mut followed).await, (b"late".to_vec(), true));
}

/// A leader that has lost its lease writes nothing: neither its recording nor the entry.
#[tokio::test]
async fn a_slow_leader_cannot_overwrite() {
    let server = Server::start(&[]);
    let (slow, quick) = (patient(&server), patient(&server));
    let (status, headers) = entry_head();
    let mut old = lead(&slow, &place(1)).await;
    old.head(status, &headers);
    eventually("it is streamed", async || server.keys().iter().any(|key| key.contains(":r:")))
        .await;
    // The lease ends as if it had not been renewed in time.
    server.call(&["DEL", &the_key(&server, ":l:")]);
    let mut new = lead(&quick, &place(1)).await;
    new.head(status, &headers);
    new.data(&Bytes::from_static(b"new"));
    new.end(Some(entry(&[b"new"])));
    eventually("the new one is kept", async || is_kept(&quick, &place(1)).await).await;
    old.data(&Bytes::from_static(b"old"));
    old.end(Some(entry(&[b"old"])));
    let before = Instant::now();
    while before.elapsed() < OVER {
        let found = quick.get(&place(1), &budget()).await.unwrap().entry.unwrap();
        assert_eq!(frames(&found), [b"new"]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Nor does a writer without a lease, while another process holds it.
    let generation = generation(&slow, &place(2)).await;
    let broadcast = lead(&quick, &place(2)).await;
    slow.put(&place(2), entry(&[b"old"]), generation).await.unwrap();
    assert!(!is_kept(&slow, &place(2)).await);
    drop(broadcast);
}

#[tokio::test]
async fn a_leader_that_has_lost_its_lease_releases_no_other() {
    let server = Server::start(&[]);
    let (slow, quick) = (patient(&server), patient(&server));
    let mut old = lead(&slow, &place(1)).await;
    server.call(&["DEL", &the_key(&server, ":l:")]);
    let new = lead(&quick, &place(1)).await;
    let lease = the_key(&server, ":l:");
    let token = server.call(&["GET", &lease]);
    let (sender, is_over) = tokio::sync::oneshot::channel();
    old.on_written(Box::new(move |is_kept| sender.send(is_kept).unwrap()));
    drop(old);
    assert!(!is_over.await.unwrap());
    assert_eq!(server.call(&["GET", &lease]), token);
    drop(new);
}
