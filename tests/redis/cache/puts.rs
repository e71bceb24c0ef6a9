//! The memory of responses on their way to Redis.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::slow::{CHUNK, Way};
use super::*;

/// How long a write takes, which may take a second.
const LATENCY: Duration = Duration::from_millis(250);

/// Redis, the slow connection of a store to it, and an entry whose memory is counted.
struct Scene {
    server: Server,
    way: Way,
    far: Arc<RedisCache>,
    generation: Generation,
    entry: CacheEntry,
}

impl Scene {
    async fn new(memory: &BodyBudget, bytes: usize) -> Self {
        let server = Server::start(&[]);
        let (way, near) = (Way::to(&server).await, patient(&server));
        let far = Arc::new(way.store());
        eventually("it is reached", async || far.get(&place(1), &budget()).await.is_ok()).await;
        let generation = generation(&far, &place(1)).await;
        keep(&near, &place(0), entry(&[&vec![7; bytes]])).await;
        let entry = near.get(&place(0), memory).await.unwrap().entry.unwrap();
        Self { server, way, far, generation, entry }
    }

    fn put(&self, key: u8, entry: CacheEntry) -> tokio::task::JoinHandle<bool> {
        let (far, generation) = (self.far.clone(), self.generation);
        tokio::spawn(async move { far.put(&place(key), entry, generation).await.unwrap() })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_response_is_counted_until_it_is_stored() {
    const BYTES: usize = 16 << 20;
    let memory = BodyBudget::new(64 << 20);
    let mut scene = Scene::new(&memory, BYTES).await;
    scene.way.takes(LATENCY);
    let before = scene.way.load.asked.load(Ordering::Relaxed);
    let entry = std::mem::replace(&mut scene.entry, entry(&[]));
    let put = scene.put(1, entry);
    eventually("a chunk is on its way", async || {
        scene.way.load.asked.load(Ordering::Relaxed) > before + CHUNK
    })
    .await;
    // Once: the entry itself is gone.
    assert!((BYTES..BYTES + CHUNK).contains(&memory.used()), "{}", memory.used());
    scene.way.takes(Duration::ZERO);
    assert!(put.await.unwrap() && is_kept(&patient(&scene.server), &place(1)).await);
    assert_eq!(memory.used(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_response_that_finds_no_memory_is_not_stored() {
    // A quarter is for requests, so two have no room.
    let memory = BodyBudget::new(10 << 20);
    let scene = Scene::new(&memory, 4 << 20).await;
    assert!(!scene.put(1, scene.entry.clone()).await.unwrap());
    assert!(!is_kept(&patient(&scene.server), &place(1)).await);
    // What is not counted needs no room.
    assert!(scene.put(2, entry(&[&[7; 4 << 20]])).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_responses_some_wait_for_their_turn() {
    const BYTES: usize = 64 << 10;
    let memory = BodyBudget::new(1 << 30);
    let scene = Scene::new(&memory, BYTES).await;
    scene.way.takes(LATENCY);
    let puts: Vec<_> = (1..=100).map(|key| scene.put(key, scene.entry.clone())).collect();
    // The entry, and as many encoded ones as there are turns.
    eventually("all have a turn that can", async || memory.used() > 65 * BYTES).await;
    scene.way.takes(Duration::from_millis(1));
    for put in puts {
        while !put.is_finished() {
            assert!(memory.used() < 66 * BYTES, "{}", memory.used());
            tokio::task::yield_now().await;
        }
        assert!(put.await.unwrap());
    }
}
