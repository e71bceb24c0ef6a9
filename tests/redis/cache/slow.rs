//! A Redis with a long round trip.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::mpsc;

use super::*;

/// The timeout of one step …
const TIMEOUT: Duration = Duration::from_secs(2);
/// … and how long each step takes.
const LATENCY: Duration = Duration::from_millis(500);
pub(super) const CHUNK: usize = 512 << 10;
/// The tolerance for a busy machine.
const SLACK: Duration = Duration::from_secs(4);

/// A connection to a server.
pub(super) struct Way {
    port: u16,
    pub(super) load: Arc<Load>,
}

#[derive(Default)]
pub(super) struct Load {
    /// The one-way latency in milliseconds.
    latency: AtomicU64,
    /// Bytes sent, and how often `OK` came back.
    pub(super) asked: AtomicUsize,
    done: AtomicUsize,
    /// The maximum number of bytes sent without an `OK` for each chunk.
    most: AtomicUsize,
}

impl Load {
    fn asked(&self, bytes: usize) {
        let asked = self.asked.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let open = asked.saturating_sub(self.done.load(Ordering::Relaxed) * CHUNK);
        self.most.fetch_max(open, Ordering::Relaxed);
    }

    fn done(&self, said: &[u8]) {
        let count = said.windows(5).filter(|said| said == b"+OK\r\n").count();
        self.done.fetch_add(count, Ordering::Relaxed);
    }
}

impl Way {
    pub(super) async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), load: Arc::default() };
        let (load, port) = (way.load.clone(), server.port);
        tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                let there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((from_here, to_here), (from_there, to_there)) =
                    (here.into_split(), there.into_split());
                there_to(from_here, to_there, load.clone());
                here_from(from_there, to_here, load.clone());
            }
        });
        way
    }

    pub(super) fn store(&self) -> RedisCache {
        let url = format!("redis://127.0.0.1:{}", self.port);
        RedisCache::builder(url).timeout(TIMEOUT).build().unwrap()
    }

    pub(super) fn takes(&self, latency: Duration) {
        self.load.latency.store(latency.as_millis() as u64, Ordering::Relaxed);
    }
}

fn there_to(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, load: Arc<Load>) {
    tokio::spawn(async move {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            load.asked(count);
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    });
}

/// Delays each byte by the latency at the time when it was sent.
fn here_from(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, load: Arc<Load>) {
    let known = load.clone();
    let (sender, mut under_way) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let latency = Duration::from_millis(known.latency.load(Ordering::Relaxed));
            let _ = sender.send((tokio::time::Instant::now() + latency, bytes[..count].to_vec()));
        }
    });
    tokio::spawn(async move {
        while let Some((at, bytes)) = under_way.recv().await {
            tokio::time::sleep_until(at).await;
            load.done(&bytes);
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
}

async fn finds(store: &RedisCache, key: u8) -> bool {
    store.get(&place(key), &budget()).await.is_ok_and(|found| found.entry.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_entry_that_takes_too_long_is_a_miss() {
    let server = Server::start(&[]);
    let way = Way::to(&server).await;
    let (near, far) = (patient(&server), way.store());
    keep(&near, &place(1), entry(&[b"short"])).await;
    keep(&near, &place(2), entry(&[&vec![7; 25 << 20]])).await;
    assert!(finds(&near, 2).await);
    eventually("it is found", async || finds(&far, 1).await).await;
    way.takes(LATENCY);
    eventually("one step is in time", async || finds(&far, 1).await).await;
    let began = Instant::now();
    let found = far.get(&place(2), &budget()).await;
    assert!(matches!(found, Err(CacheStoreError::Timeout)), "{found:?}");
    // 250 ms for the length, instead of 14 steps of 500 ms each.
    let took = began.elapsed();
    assert!(took < TIMEOUT + Duration::from_millis(250) + SLACK, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_with_a_part_of_the_response_waits_for_the_rest() {
    let server = Server::start(&[]);
    let way = Way::to(&server).await;
    let (near, far) = (patient(&server), way.store());
    let rest = vec![7; 8 << 20];
    eventually("it is reached", async || far.get(&place(1), &budget()).await.is_ok()).await;
    let (mut broadcast, following) = headed(&near, &far, &place(1)).await;
    broadcast.data(&Bytes::from_static(b"first"));
    let mut followed = following.await.unwrap().unwrap();
    assert_eq!(next(&mut followed).await.unwrap().unwrap().into_data().unwrap(), "first");
    broadcast.end(Some(entry(&[b"first", &rest])));
    eventually("it is kept", async || is_kept(&near, &place(1)).await).await;
    server.call(&["DEL", &the_key(&server, ":r:")]);
    way.takes(LATENCY);
    // Six steps.
    assert!(read(&mut followed).await == (rest, true));
}

/// Lookups use the same connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_number_of_chunks_under_way_is_bounded() {
    let server = Server::start(&[]);
    let way = Way::to(&server).await;
    let far = Arc::new(way.store());
    eventually("it is reached", async || far.get(&place(1), &budget()).await.is_ok()).await;
    let generation = generation(&far, &place(1)).await;
    way.takes(Duration::from_millis(100));
    let long = entry(&[&vec![7; 8 * CHUNK - 1_000]]);
    let puts = (1..=12).map(|key| {
        let (far, long) = (far.clone(), long.clone());
        tokio::spawn(async move { far.put(&place(key), long, generation).await })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap().unwrap();
    }
    for key in 1..=12 {
        assert!(is_kept(&patient(&server), &place(key)).await, "{key}");
    }
    let most = way.load.most.load(Ordering::Relaxed);
    assert!((CHUNK..5 * CHUNK).contains(&most), "{most}");
}
