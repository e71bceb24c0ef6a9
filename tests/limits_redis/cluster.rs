//! A cluster of three nodes, and what becomes of requests while one fails over.

use std::sync::Arc;
use std::time::Instant;

use super::server::{TOO_LONG, eventually, wait_for};
use super::*;

const SLOTS: u16 = 16_384;

struct Cluster {
    masters: Vec<Server>,
    replica: Option<Server>,
}

fn node() -> Server {
    Server::start(&[
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-require-full-coverage",
        "no",
        "--repl-diskless-sync-delay",
        "0",
    ])
}

impl Cluster {
    fn start() -> Self {
        let masters: Vec<_> = (0..3).map(|_| node()).collect();
        for (number, master) in (0..3).zip(&masters) {
            let first = (number * SLOTS / 3).to_string();
            let last = ((number + 1) * SLOTS / 3 - 1).to_string();
            master.call(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            // Masters of one epoch do not agree about a failover for a while.
            master.call(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        let cluster = Self { masters, replica: None };
        for master in &cluster.masters[1..] {
            cluster.meet(master);
        }
        cluster.wait();
        cluster
    }

    /// Makes a node known to all.
    fn meet(&self, node: &Server) {
        node.call(&["CLUSTER", "MEET", "127.0.0.1", &self.masters[0].port.to_string()]);
    }

    /// Until all nodes agree that all is well.
    fn wait(&self) {
        let nodes = || self.masters.iter().chain(&self.replica);
        wait_for("the cluster is whole", || {
            nodes().all(|node| {
                let Ok(server::Reply::Text(info)) = node.try_call(&["CLUSTER", "INFO"]) else {
                    return false;
                };
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            })
        });
    }

    /// The master of the keys of the tests.
    fn owner(&self) -> usize {
        let key = "taig:v1:{0707070707070707}:";
        let slot = self.masters[0].call(&["CLUSTER", "KEYSLOT", key]).number();
        usize::try_from(slot * 3 / i64::from(SLOTS)).unwrap()
    }

    /// A second server with all that the owner has.
    fn add_replica(&mut self) {
        let replica = node();
        self.meet(&replica);
        let owner = self.owner();
        let id = self.masters[owner].call(&["CLUSTER", "MYID"]).text();
        wait_for("the replica knows its master", || {
            matches!(replica.try_call(&["CLUSTER", "REPLICATE", &id]), Ok(server::Reply::Text(_)))
        });
        wait_for("the replica has its data, and all know of it", || {
            let knows = |node: &Server| {
                node.call(&["CLUSTER", "NODES"]).text().contains(&format!("slave {id}"))
            };
            replica.info("replication", "master_link_status") == "up"
                && self.masters.iter().all(knows)
        });
        self.replica = Some(replica);
        self.wait();
    }

    fn store(&self, timeout: Duration) -> RedisStore {
        let urls: Vec<_> = self.masters.iter().map(Server::url).collect();
        RedisStore::cluster(urls).timeout(timeout).build().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_of_three_nodes_grants_exactly_what_limits_allow() {
    early_in_the_hour().await;
    let cluster = Cluster::start();
    let stores: Vec<_> = (0..4).map(|_| Arc::new(cluster.store(TOO_LONG))).collect();
    let claims_of = |gateway: u8| {
        let counter = |id| Counter { gateway: [gateway; 8], id: [id; 16] };
        let of =
            |id, limit, amount| Claim { counter: counter(id), ..claim(id, HOUR, limit, amount) };
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_loses_no_count_and_hangs_nobody() {
    early_in_the_hour().await;
    let mut cluster = Cluster::start();
    cluster.add_replica();
    let store = cluster.store(Duration::from_millis(500));
    let claims = [claim(1, HOUR, 1_000_000, 1)];
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
        assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
        asked += 1;
        // Where the nodes have not agreed in time, they are asked again.
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
    // What has failed may count, or not. What was granted does.
    let used = used(&store, &claims[0]).await;
    assert!(
        used >= granted && used <= granted + failed,
        "{used}: {granted} granted, {failed} failed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced_by_its_replica() {
    early_in_the_hour().await;
    let mut cluster = Cluster::start();
    cluster.add_replica();
    let store = cluster.store(Duration::from_millis(200));
    let claims = [leased(claim(1, HOUR, 1_000_000, 10), TOO_LONG * 20)];
    let mut granted = Vec::new();
    eventually("the cluster answers", async || {
        let id = next_id();
        if let Ok(decision) = store.reserve(id, &claims).await {
            granted.push((id, decision));
        }
        granted.len() == 100
    })
    .await;
    let owner = cluster.owner();
    cluster.masters[owner].call(&["WAIT", "1", "5000"]);
    cluster.masters[owner].kill();
    for (id, decision) in &granted {
        store.settle(*id, &[settlement(claims[0], decision, 3)]);
    }
    eventually("the replica answers", async || {
        let started = Instant::now();
        let result = reserve(&store, &[claim(2, HOUR, 1_000_000, 1)]).await;
        assert!(started.elapsed() < Duration::from_millis(1_200), "{:?}", started.elapsed());
        result.is_ok()
    })
    .await;
    assert!(store.flush(TOO_LONG).await, "{:?}", store.stats());
    assert_eq!(used(&store, &claims[0]).await, 300);
}
