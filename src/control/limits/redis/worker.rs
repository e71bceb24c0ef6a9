//! The task that sends settlements to Redis.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Shared;
use super::lane::Lane;
use super::settle::Settle;
use crate::control::redis::{FailureKind, LinkError};

/// The reservations settled in one call. Redis does nothing else during it.
const PER_CALL: usize = 32;
/// The maximum of concurrent calls, each for another gateway.
const CALLS: usize = 256;
/// The same for gateways whose last call has failed. Such calls may take their whole time.
const RETRIES: usize = 16;
/// Nobody waits for a settlement, so it has more time than a request.
const TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a dropped store tries to send what is left.
const LAST_EFFORT: Duration = Duration::from_secs(5);

/// Bounds the concurrent calls.
struct Turns {
    calls: Semaphore,
    retries: Semaphore,
}

/// Sends what is queued until the store is dropped, each gateway beside the others.
pub(super) async fn run(shared: Arc<Shared>) {
    let turns = Turns { calls: Semaphore::new(CALLS), retries: Semaphore::new(RETRIES) };
    let turns = Arc::new(turns);
    let mut lanes = JoinSet::new();
    while let Some(gateway) = shared.queue.next().await {
        let lane = Lane::new(shared.queue.clone(), gateway);
        lanes.spawn(send_all(shared.clone(), turns.clone(), lane));
        while lanes.try_join_next().is_some() {}
    }
    let _ = timeout(LAST_EFFORT, async { while lanes.join_next().await.is_some() {} }).await;
}

/// Sends the settlements of a gateway until none is left. While its node is away, it tries again,
/// less and less often.
async fn send_all(shared: Arc<Shared>, turns: Arc<Turns>, mut lane: Lane) {
    let mut pause = None;
    loop {
        let turn = match pause {
            None => turns.calls.acquire().await,
            Some(_) => turns.retries.acquire().await,
        };
        let Some(settles) = lane.take(PER_CALL) else { return };
        let result = send(&shared, settles).await;
        drop(turn);
        let Err(kind) = result else {
            lane.done();
            pause = None;
            continue;
        };
        lane.put_back(kind == FailureKind::Unknown);
        shared.client.link.renew();
        let now = pause.unwrap_or(FIRST_PAUSE);
        shared.queue.pause(now, FIRST_PAUSE).await;
        pause = Some((2 * now).min(LONGEST_PAUSE));
    }
}

/// Sends settlements of one gateway.
async fn send(shared: &Shared, settles: &[Settle]) -> Result<(), FailureKind> {
    let call = shared.scripts.settle(&shared.keys, settles);
    match timeout(TIMEOUT, call.send(&shared.client.link)).await {
        Ok(Ok(redis::Value::Int(_))) => Ok(()),
        Ok(Ok(_)) => Err(LinkError::malformed().kind),
        Ok(Err(error)) => Err(error.kind),
        Err(_) => Err(FailureKind::Unknown),
    }
}
