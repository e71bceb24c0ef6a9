//! A client with a part of a response, when no memory is left for the rest.

use super::*;

/// A follower that has read `first` of a response whose recording is gone and whose entry is stored.
async fn begun(server: &Server, key: u8, rest: &[u8], memory: &BodyBudget) -> Followed {
    let (one, other) = (patient(server), patient(server));
    let mut broadcast = lead(&one, &place(key)).await;
    let following = follow_within(&other, &place(key), memory).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    broadcast.data(&Bytes::from_static(b"first"));
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(next(&mut followed).await.unwrap().unwrap().into_data().unwrap(), "first");
    broadcast.end(Some(entry(&[b"first", rest])));
    eventually("it is kept", async || is_kept(&one, &place(key)).await).await;
    server.call(&["DEL", &the_key(server, ":r:")]);
    followed
}

#[tokio::test]
async fn a_short_rest_needs_no_spare_memory() {
    let server = Server::start(&[]);
    let none = BodyBudget::new(0);
    let mut followed = begun(&server, 1, b" and last", &none).await;
    assert_eq!(read(&mut followed).await, (b" and last".to_vec(), true));
}

#[tokio::test]
async fn a_rest_may_use_the_memory_reserved_for_requests() {
    let server = Server::start(&[]);
    let memory = BodyBudget::new(1 << 20);
    let rest = vec![7; 900 << 10];
    let mut followed = begun(&server, 1, &rest, &memory).await;
    let Some(Ok(frame)) = next(&mut followed).await else { panic!("it has broken off") };
    assert!(frame.into_data().unwrap() == rest);
    assert!(memory.used() >= rest.len(), "{}", memory.used());
    drop(followed);
    assert_eq!(memory.used(), 0);
}

#[tokio::test]
async fn a_long_rest_waits_until_memory_is_released() {
    let server = Server::start(&[]);
    let memory = BodyBudget::new(1 << 20);
    let store = patient(&server);
    let (other, rest) = (vec![6; 600 << 10], vec![7; 600 << 10]);
    keep(&store, &place(9), entry(&[&other])).await;
    let held = store.get(&place(9), &memory).await.unwrap().entry.unwrap();
    let mut followed = begun(&server, 1, &rest, &memory).await;
    let mut reading = tokio::spawn(async move { read(&mut followed).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut reading).await;
    assert!(early.is_err(), "both have room");
    drop(held);
    assert!(reading.await.unwrap() == (rest, true));
    assert_eq!(memory.used(), 0);
}
