//! Limits in a cluster of three nodes, and requests during a failover.

use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::polling::{TOO_LONG, eventually};

/// The prefix of the keys of gateway 7.
const KEY: &str = "taig:v2:{0707070707070707}:";

fn store_of(cluster: &Cluster, timeout: Duration) -> RedisStore {
    RedisStore::cluster(cluster.urls()).timeout(timeout).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_of_three_nodes_grants_exactly_what_limits_allow() {
    let cluster = Cluster::start();
    let stores: Vec<_> = (0..4).map(|_| Arc::new(store_of(&cluster, TOO_LONG))).collect();
    let claims_of = |gateway: u8| {
        let counter = |id| Counter { gateway: [gateway; 8], id: [id; 16] };
        let of =
            |id, limit, amount| Claim { counter: counter(id), ..claim(id, MONTH, limit, amount) };
        [of(1, 40, 1), leased(of(2, 1_000_000, 10), TOO_LONG), of(3, 100, 1)]
    };
    let mut tasks = Vec::new();
    for store in &stores {
        for _ in 0..5 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let mut granted = 0_u64;
                for request in 0..500_u16 {
                    let claims = claims_of((request % 20) as u8);
                    let id = next_id();
                    let decision = store.reserve(id, &claims).await.unwrap();
                    if decision.is_granted {
                        granted += 1;
                        store.settle(id, &[settlement(claims[1], &decision, 3)]);
                    }
                }
                granted
            }));
        }
    }
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 20 * 40);
    for store in &stores {
        assert!(store.flush(TOO_LONG).await);
    }
    for gateway in 0..20 {
        let used = used(&stores[0], &claims_of(gateway)[1]).await;
        assert_eq!(used, 40 * 3, "reservations equal settlements");
    }
    let has_keys = |node: &Server| node.call(&["DBSIZE"]).number() > 0;
    assert!(cluster.masters.iter().all(has_keys), "gateways are spread over nodes");
    // An answer may take as long as the timeout.
    for node in &cluster.masters {
        node.call(&["CLIENT", "PAUSE", "3000", "WRITE"]);
    }
    assert!(reserve(&stores[0], &[claim(9, MONTH, 1, 1)]).await.unwrap().is_granted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_loses_no_count_and_hangs_no_request() {
    let mut cluster = Cluster::start();
    cluster.add_replica(cluster.owner(KEY));
    let store = store_of(&cluster, Duration::from_millis(2_500));
    let claims = [claim(1, MONTH, 1_000_000, 1)];
    eventually("the cluster answers", async || reserve(&store, &claims).await.is_ok()).await;

    let replica = cluster.replica.as_ref().unwrap();
    replica.call(&["CLUSTER", "FAILOVER"]);
    let (mut granted, mut failed) = (1, 0);
    let is_master =
        || cluster.replica.as_ref().unwrap().call(&["ROLE"]).list()[0].clone().text() == "master";
    let mut asked = 0;
    eventually("the replica is the master, and answers", async || {
        let started = Instant::now();
        let result = reserve(&store, &claims).await;
        assert!(started.elapsed() < Duration::from_millis(7_500), "{:?}", started.elapsed());
        asked += 1;
        // If the nodes have not agreed in time, try again.
        if asked % 1_000 == 0 && !is_master() {
            let _ = replica.try_call(&["CLUSTER", "FAILOVER"]);
        }
        match result {
            Ok(decision) => {
                granted += 1;
                decision.is_granted && is_master() && asked > 200
            }
            Err(_) => {
                failed += 1;
                false
            }
        }
    })
    .await;
    // Failed requests may count or not. Granted ones do count.
    let used = used(&store_of(&cluster, TOO_LONG), &claims[0]).await;
    assert!(
        used >= granted && used <= granted + failed,
        "{used}: {granted} granted, {failed} failed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced_by_its_replica() {
    let mut cluster = Cluster::start();
    cluster.add_replica(cluster.owner(KEY));
    let store = store_of(&cluster, Duration::from_secs(1));
    let claims = [leased(claim(1, MONTH, 1_000_000, 10), TOO_LONG * 20)];
    let mut granted = Vec::new();
    eventually("the cluster answers", async || {
        let id = next_id();
        if let Ok(decision) = store.reserve(id, &claims).await {
            granted.push((id, decision));
        }
        granted.len() == 100
    })
    .await;
    let owner = cluster.owner(KEY);
    cluster.wait_for_replica(owner);
    cluster.masters[owner].kill();
    for (id, decision) in &granted {
        store.settle(*id, &[settlement(claims[0], decision, 3)]);
    }
    eventually("the replica answers", async || {
        let started = Instant::now();
        let result = reserve(&store, &[claim(2, MONTH, 1_000_000, 1)]).await;
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        result.is_ok()
    })
    .await;
    assert!(store.flush(TOO_LONG).await, "{:?}", store.stats());
    assert_eq!(used(&store_of(&cluster, TOO_LONG), &claims[0]).await, 300);
}

/// Another gateway's counters are on another node, so neither its requests nor its settlements wait for
/// this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halted_node_delays_no_other() {
    const HELD: u64 = 1_100;
    let cluster = Cluster::start();
    let owner = |gateway: u8| {
        cluster.owner(&format!("taig:v2:{{{}}}:", format!("{gateway:02x}").repeat(8)))
    };
    let halted = 7;
    let other = (8..).find(|gateway| owner(*gateway) != owner(halted)).unwrap();
    let of = |gateway| {
        let counter = Counter { gateway: [gateway; 8], ..counter(1) };
        [leased(Claim { counter, ..claim(1, MONTH, 1_000_000, 10) }, TOO_LONG * 20)]
    };
    let store = store_of(&cluster, Duration::from_secs(10));
    let mut held = Vec::new();
    for _ in 0..HELD {
        let id = next_id();
        held.push((id, store.reserve(id, &of(halted)).await.unwrap()));
    }
    let node = &cluster.masters[owner(halted)];
    let node = node.info("server", "process_id");
    server::signal(&node, "STOP");
    for (id, decision) in held {
        store.settle(id, &[settlement(of(halted)[0], &decision, 3)]);
    }
    let started = Instant::now();
    let mut asked = 0;
    // New connections are made meanwhile.
    while started.elapsed() < Duration::from_secs(5) {
        let id = next_id();
        let decision = store.reserve(id, &of(other)).await.unwrap();
        store.settle(id, &[settlement(of(other)[0], &decision, 3)]);
        asked += 1;
        eventually("it is settled", async || used(&store, &of(other)[0]).await == 3 * asked).await;
    }
    assert!(asked > 10, "{asked}");
    let stats = store.stats();
    assert!(stats.queued as u64 == HELD && stats.dropped == 0, "{stats:?}");

    server::signal(&node, "CONT");
    assert!(store.flush(TOO_LONG).await, "{:?}", store.stats());
    assert_eq!(used(&store, &of(halted)[0]).await, 3 * HELD);
}
