//! `RedisCache`: a cache shared by many gateways.

mod cluster;
mod entries;
mod followers;
mod framed;
mod gateways;
mod leases;
mod oracle;
mod purges;
mod puts;
mod repeated;
mod room;
mod slow;
mod spoiled;
mod stale;
mod stalled;
mod trouble;
mod unfit;
mod unkept;

use std::future::poll_fn;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tower_ai_gateway::BodyBudget;
use tower_ai_gateway::control::cache::{
    Broadcast, CacheEntry, CacheKey, CachePlace, CacheScope, CacheStore, CacheStoreError, Followed,
    Found, Generation, NewEntry, Purge, RedisCache, Turn,
};

use crate::polling::{TOO_LONG, eventually};
use crate::server::Server;

/// With timeouts for a busy machine.
fn patient(server: &Server) -> RedisCache {
    RedisCache::builder(server.url()).timeout(Duration::from_secs(10)).build().unwrap()
}

fn scope(byte: u8) -> CacheScope {
    CacheScope([byte; 16])
}

/// A scope with gateway 1, provider 2 and model 3.
fn place(key: u8) -> CachePlace {
    CachePlace {
        key: CacheKey([key; 32]),
        gateway: scope(1),
        provider: scope(2),
        model: scope(3),
        custom: None,
    }
}

fn parts(frames: &[&[u8]]) -> NewEntry {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/event-stream"));
    headers.append("x-two", HeaderValue::from_static("1"));
    headers.append("x-two", HeaderValue::from_static("2"));
    NewEntry {
        status: StatusCode::OK,
        headers,
        frames: frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect(),
        times: Vec::new(),
        trailers: None,
        stored_at: SystemTime::now(),
        fresh_for: Duration::from_secs(300),
        stale_for: Duration::ZERO,
    }
}

fn entry(frames: &[&[u8]]) -> CacheEntry {
    CacheEntry::new(parts(frames))
}

fn frames(entry: &CacheEntry) -> Vec<Vec<u8>> {
    entry.parts().frames.iter().map(|frame| frame.to_vec()).collect()
}

/// A budget with room for everything.
fn budget() -> BodyBudget {
    BodyBudget::new(usize::MAX)
}

async fn generation(store: &RedisCache, place: &CachePlace) -> Generation {
    store.get(place, &budget()).await.unwrap().generation
}

async fn keep(store: &RedisCache, place: &CachePlace, entry: CacheEntry) {
    let generation = generation(store, place).await;
    store.put(place, entry, generation).await.unwrap();
}

async fn is_kept(store: &RedisCache, place: &CachePlace) -> bool {
    store.get(place, &budget()).await.unwrap().entry.is_some()
}

async fn lead(store: &RedisCache, place: &CachePlace) -> Box<dyn Broadcast> {
    lead_within(store, place, &budget()).await
}

async fn lead_within(
    store: &RedisCache,
    place: &CachePlace,
    memory: &BodyBudget,
) -> Box<dyn Broadcast> {
    let generation = generation(store, place).await;
    match store.turn(place, generation, memory).await.unwrap() {
        Turn::Lead(Some(broadcast)) => broadcast,
        other => panic!("{other:?}"),
    }
}

type Following = std::pin::Pin<
    Box<dyn Future<Output = Result<Option<Followed>, CacheStoreError>> + Send + 'static>,
>;

async fn follow(store: &RedisCache, place: &CachePlace) -> Following {
    follow_within(store, place, &budget()).await
}

async fn follow_within(store: &RedisCache, place: &CachePlace, memory: &BodyBudget) -> Following {
    let generation = generation(store, place).await;
    match store.turn(place, generation, memory).await.unwrap() {
        Turn::Follow(following) => following,
        other => panic!("{other:?}"),
    }
}

/// A leader that has broadcast its head, and a follower.
async fn headed(
    one: &RedisCache,
    other: &RedisCache,
    place: &CachePlace,
) -> (Box<dyn Broadcast>, Following) {
    headed_within(one, other, place, &budget()).await
}

/// Like [`headed`], with the leader's memory counted in `memory`.
async fn headed_within(
    one: &RedisCache,
    other: &RedisCache,
    place: &CachePlace,
    memory: &BodyBudget,
) -> (Box<dyn Broadcast>, Following) {
    let mut broadcast = lead_within(one, place, memory).await;
    let following = follow(other, place).await;
    let (status, headers) = entry_head();
    broadcast.head(status, &headers);
    (broadcast, following)
}

/// The next frame; `None` at the end.
async fn next(followed: &mut Followed) -> Option<Result<http_body::Frame<Bytes>, CacheStoreError>> {
    poll_fn(|cx| followed.body.as_mut().poll_frame(cx)).await
}

/// The data until the end, and whether it ended cleanly.
async fn read(followed: &mut Followed) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    while let Some(frame) = next(followed).await {
        match frame {
            Ok(frame) => data.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => return (data, false),
        }
    }
    (data, true)
}

fn entry_head() -> (StatusCode, HeaderMap) {
    let entry = parts(&[]);
    (entry.status, entry.headers)
}

/// The only key with this text in its name.
#[track_caller]
fn the_key(server: &Server, kind: &str) -> String {
    let mut keys = server.keys();
    keys.retain(|key| key.contains(kind));
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.remove(0)
}
