//! Scripts that run twice, because the client of a cluster has lost the first reply.

use super::*;
use crate::twice::Twice;

fn repeating(server: &Server) -> RedisCache {
    RedisCache::builder(Twice::before(server).url()).timeout(TOO_LONG).build().unwrap()
}

#[tokio::test]
async fn a_process_that_asks_twice_leads() {
    let server = Server::start(&[]);
    let (one, other) = (repeating(&server), patient(&server));
    let (mut broadcast, following) = headed(&one, &other, &place(1)).await;
    broadcast.data(&Bytes::from_static(b"one"));
    broadcast.end(Some(entry(&[b"one"])));
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(read(&mut followed).await, (b"one".to_vec(), true));
    eventually("it is stored", async || is_kept(&one, &place(1)).await).await;
}

#[tokio::test]
async fn a_long_entry_that_is_stored_twice_keeps_its_chunks() {
    let server = Server::start(&[]);
    let store = repeating(&server);
    let long = vec![7; 3 << 19];
    for text in [&long[..], b"short", &long] {
        let generation = generation(&store, &place(1)).await;
        assert!(store.put(&place(1), entry(&[text]), generation).await.unwrap());
        let found = store.get(&place(1), &budget()).await.unwrap().entry.unwrap();
        assert!(frames(&found).concat() == text, "{} bytes", text.len());
    }
    store.purge(&Purge::Entry { gateway: scope(1), key: place(1).key }).await.unwrap();
    let left = server.keys().into_iter().filter(|key| key.contains(":e:"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
}

/// A list of chunks that is written again replaces the older entry's chunks, and none of its own.
#[tokio::test]
async fn a_leader_stores_a_long_entry_twice() {
    let server = Server::start(&[]);
    let store = repeating(&server);
    let long = vec![7; 3 << 19];
    let mut broadcast = lead(&store, &place(1)).await;
    let (sender, is_over) = tokio::sync::oneshot::channel();
    broadcast.on_written(Box::new(move |is_kept| sender.send(is_kept).unwrap()));
    broadcast.end(Some(entry(&[&long])));
    assert!(is_over.await.unwrap());
    assert!(is_kept(&store, &place(1)).await);
}
