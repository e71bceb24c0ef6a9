//! Several pools instead of one.
//!
//! hyper-util's pool keeps one HTTP/2 connection per origin, and what exceeds the peer's stream
//! limit on it waits without a word. So there are several pools, and a request goes to the first
//! one that has room: a quiet client keeps one connection warm, a busy one opens more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper_util::client::legacy::Client;

use super::connect::Connector;

pub(crate) struct Shard<B> {
    pub(super) client: Client<Connector, B>,
    in_flight: Arc<AtomicUsize>,
    /// Beyond this many exchanges the next shard is asked.
    room: usize,
}

/// One exchange on a shard, until its response body has ended.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<B> Shard<B> {
    pub(super) fn new(client: Client<Connector, B>, room: usize) -> Self {
        Self { client, in_flight: Arc::default(), room }
    }

    fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

impl<B> fmt::Debug for Shard<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in flight", self.load(), self.room)
    }
}

/// The first shard with room, or the least loaded where none has any.
pub(super) fn pick<B>(shards: &[Shard<B>]) -> (&Client<Connector, B>, InFlight) {
    let with_room = shards.iter().find(|shard| shard.load() < shard.room);
    // There is at least one: the builder sees to it.
    let shard = with_room.or_else(|| shards.iter().min_by_key(|shard| shard.load()));
    let shard = shard.unwrap_or(&shards[0]);
    shard.in_flight.fetch_add(1, Ordering::Relaxed);
    (&shard.client, InFlight(shard.in_flight.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{HttpClient, HttpClientBuilder};
    use bytes::Bytes;
    use http_body_util::Full;

    fn loads(client: &HttpClient<Full<Bytes>>) -> Vec<usize> {
        client.shards.iter().map(Shard::load).collect()
    }

    #[test]
    fn shards_fill_in_order_and_then_evenly() {
        let client =
            HttpClientBuilder::default().connections_per_origin(3).streams_per_connection(2);
        let client: HttpClient<Full<Bytes>> = client.build().unwrap();
        let mut held: Vec<_> = (0..3).map(|_| pick(&client.shards).1).collect();
        assert_eq!(loads(&client), [2, 1, 0]);
        held.extend((0..6).map(|_| pick(&client.shards).1));
        assert_eq!(loads(&client), [3, 3, 3]);
        held.drain(..3);
        assert_eq!(loads(&client), [1, 2, 3 - usize::from(held.len() < 6)]);
    }
}
