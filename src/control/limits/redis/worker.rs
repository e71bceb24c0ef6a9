//! The task that sends settlements to Redis.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Shared;
use super::queue::Settle;
use crate::control::redis::{FailureKind, LinkError};

/// So many are taken out of the queue at once, …
const BATCH: usize = 512;
/// … and so many of one gateway are settled in one call. Redis does nothing else meanwhile.
const PER_CALL: usize = 32;
/// Nobody waits for a settlement, so it has more time than a request.
const TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What is left when the store is dropped is tried for so long.
const LAST_EFFORT: Duration = Duration::from_secs(5);

/// Sends what is queued until the store is dropped. While Redis is away it tries again, less and less often.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    let mut end = None;
    loop {
        let batch = shared.queue.take(BATCH).await;
        if batch.is_empty() {
            return;
        }
        let failed = send(&shared, batch).await;
        if failed.is_empty() {
            shared.queue.done();
            pause = FIRST_PAUSE;
            continue;
        }
        shared.queue.put_back(failed);
        if shared.queue.is_closed()
            && Instant::now() >= *end.get_or_insert_with(|| Instant::now() + LAST_EFFORT)
        {
            return;
        }
        match shared.queue.is_closed() {
            // The pause would be cut short.
            true => tokio::time::sleep(FIRST_PAUSE).await,
            false => shared.queue.pause(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Gives those back that could not be sent, in their order.
async fn send(shared: &Arc<Shared>, batch: Vec<Settle>) -> Vec<Settle> {
    let mut gateways: BTreeMap<[u8; 8], Vec<Settle>> = BTreeMap::new();
    for settle in batch {
        if let Some(gateway) = settle.gateway() {
            gateways.entry(gateway).or_default().push(settle);
        }
    }
    let mut calls = JoinSet::new();
    for settles in gateways.into_values() {
        let mut settles = settles.into_iter().peekable();
        while settles.peek().is_some() {
            let settles: Vec<_> = settles.by_ref().take(PER_CALL).collect();
            calls.spawn(send_one(shared.clone(), settles));
        }
    }
    let mut failed = Vec::new();
    while let Some(result) = calls.join_next().await {
        failed.extend(result.unwrap_or_default());
    }
    failed
}

/// Of one gateway.
async fn send_one(shared: Arc<Shared>, mut settles: Vec<Settle>) -> Vec<Settle> {
    let call = shared.scripts.settle(&shared.keys, &settles);
    let kind = match timeout(TIMEOUT, call.send(&shared.client.link)).await {
        Ok(Ok(redis::Value::Int(_))) => return Vec::new(),
        Ok(Ok(_)) => LinkError::malformed().kind,
        Ok(Err(error)) => error.kind,
        Err(_) => FailureKind::Unknown,
    };
    drop(call);
    shared.client.link.renew();
    for settle in &mut settles {
        settle.is_repeated |= kind == FailureKind::Unknown;
    }
    settles
}
