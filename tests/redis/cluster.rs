//! A Redis cluster of three nodes.

use crate::polling::wait_for;
use crate::server::{Reply, Server};

const SLOTS: u16 = 16_384;

pub(crate) struct Cluster {
    pub(crate) masters: Vec<Server>,
    pub(crate) replica: Option<Server>,
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
    pub(crate) fn start() -> Self {
        let masters: Vec<_> = (0..3).map(|_| node()).collect();
        for (number, master) in (0..3).zip(&masters) {
            let first = (number * SLOTS / 3).to_string();
            let last = ((number + 1) * SLOTS / 3 - 1).to_string();
            master.call(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            // Masters with the same epoch do not agree on a failover for a while.
            master.call(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        let cluster = Self { masters, replica: None };
        for master in &cluster.masters[1..] {
            cluster.meet(master);
        }
        cluster.wait();
        cluster
    }

    /// Introduces a node to all others.
    fn meet(&self, node: &Server) {
        node.call(&["CLUSTER", "MEET", "127.0.0.1", &self.masters[0].port.to_string()]);
    }

    /// Waits until all nodes agree that the cluster is healthy.
    pub(crate) fn wait(&self) {
        let nodes = || self.masters.iter().chain(&self.replica);
        wait_for("the cluster is whole", || {
            nodes().all(|node| {
                let Ok(Reply::Text(info)) = node.try_call(&["CLUSTER", "INFO"]) else {
                    return false;
                };
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            })
        });
    }

    /// The master of a key.
    pub(crate) fn owner(&self, key: &str) -> usize {
        let slot = self.masters[0].call(&["CLUSTER", "KEYSLOT", key]).number();
        usize::try_from(slot * 3 / i64::from(SLOTS)).unwrap()
    }

    /// A replica of a master.
    pub(crate) fn add_replica(&mut self, owner: usize) {
        let replica = node();
        self.meet(&replica);
        let id = self.masters[owner].call(&["CLUSTER", "MYID"]).text();
        wait_for("the replica knows its master", || {
            matches!(replica.try_call(&["CLUSTER", "REPLICATE", &id]), Ok(Reply::Text(_)))
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

    /// Waits until the replica has all that its master has now. (`WAIT` covers only writes of its own
    /// connection.)
    pub(crate) fn wait_for_replica(&self, owner: usize) {
        let replica = self.replica.as_ref().unwrap();
        let offset = |node: &Server, field| node.info("replication", field).parse::<u64>().unwrap();
        let sent = offset(&self.masters[owner], "master_repl_offset");
        wait_for("the replica has all", || offset(replica, "slave_repl_offset") >= sent);
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.masters.iter().map(Server::url).collect()
    }
}
