//! `RedisStore`: limits shared by many gateways.

mod access;
mod cluster;
mod counting;
mod exit;
mod leases;
mod logged;
mod processes;
mod repeated;
mod replica_trouble;
mod replica_windows;
mod replicas;
mod same_as_memory;
mod spending;
mod tls;
mod trouble;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tower_ai_gateway::control::limits::{
    Claim, Counter, Decision, LimitStore, LimitStoreError, RedisStore, ReservationId, Settlement,
};
use tower_ai_gateway::settings::limits::{Period, Window};

use crate::cluster::Cluster;
use crate::polling::eventually;
use crate::server::{self, Server};

/// A window that hardly ever ends during a test.
const MONTH: Window = Window::Fixed(Period::Month);

/// Has timeouts for a busy machine.
fn patient(server: &Server) -> RedisStore {
    RedisStore::builder(server.url()).timeout(Duration::from_secs(10)).build().unwrap()
}

fn counter(id: u8) -> Counter {
    Counter { gateway: [7; 8], id: [id; 16] }
}

fn claim(id: u8, window: Window, limit: u64, amount: u64) -> Claim {
    Claim { counter: counter(id), window, limit, amount, lease: None, is_shadow: false }
}

fn leased(claim: Claim, lease: Duration) -> Claim {
    Claim { lease: Some(lease), ..claim }
}

fn next_id() -> ReservationId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ReservationId(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

async fn reserve(store: &RedisStore, claims: &[Claim]) -> Result<Decision, LimitStoreError> {
    store.reserve(next_id(), claims).await
}

/// The used amount of a counter.
async fn used(store: &RedisStore, claim: &Claim) -> u64 {
    store.standing(&claim.counter, claim.window, claim.limit).await.unwrap().used
}

fn settlement(claim: Claim, decision: &Decision, spent: u64) -> Settlement {
    Settlement { claim, at: decision.at, spent }
}
