//! The cache in a cluster of three nodes: all operations, gateways, and a failover.

use super::*;
use crate::cluster::Cluster;
use crate::polling::wait_for;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_stores_broadcasts_and_purges() {
    let mut cluster = Cluster::start();
    let store = || RedisCache::cluster(cluster.urls()).timeout(TOO_LONG).build().unwrap();
    let (one, other) = (store(), store());
    let of = |gateway: u8| CachePlace { gateway: scope(gateway), ..place(gateway) };
    for gateway in 1..=12 {
        let place = of(gateway);
        let mut broadcast = lead(&one, &place).await;
        let following = follow(&other, &place).await;
        let (status, headers) = entry_head();
        broadcast.head(status, &headers);
        let body = vec![gateway; 700 << 10];
        broadcast.data(&Bytes::from(body.clone()));
        broadcast.end(Some(entry(&[&body])));
        let mut followed = following.await.unwrap().unwrap();
        assert!(read(&mut followed).await == (body, true));
        eventually("it is kept", async || is_kept(&other, &place).await).await;
    }
    other.purge(&Purge::Gateway(scope(5))).await.unwrap();
    for gateway in 1..=12 {
        assert_eq!(is_kept(&one, &of(gateway)).await, gateway != 5);
    }
    other.purge(&Purge::All).await.unwrap();
    for gateway in 1..=12 {
        assert!(!is_kept(&one, &of(gateway)).await);
    }

    // The node with a gateway's keys fails over.
    let tag = format!("taig:c1:{{{}}}:g", "01".repeat(16));
    let owner = cluster.owner(&tag);
    cluster.add_replica(owner);
    keep(&one, &of(1), entry(&[b"x"])).await;
    cluster.wait_for_replica(owner);
    cluster.masters[owner].kill();
    let replica = cluster.replica.as_ref().unwrap();
    wait_for("the replica is the master", || replica.info("replication", "role") == "master");
    let hasty =
        RedisCache::cluster(cluster.urls()).timeout(Duration::from_millis(500)).build().unwrap();
    eventually("it answers again", async || {
        hasty.get(&of(1), &budget()).await.is_ok_and(|found| found.entry.is_some())
    })
    .await;
}
