//! Four processes whose Redis halts, is full, or fails over meanwhile: no request is lost or hangs, and
//! each rule's `on_store_failure` decides what counts.

mod scene;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use self::scene::Rule::{Closed, Local};
use self::scene::{LIMIT, PROCESSES, Scene};
use super::processes::CLIENTS;
use crate::cluster::Cluster;
use crate::polling::wait_for;
use crate::server::Server;

/// How long a request waits for Redis.
const DEADLINE: Duration = Duration::from_secs(2);

#[test]
fn a_full_redis_counts_nothing_and_each_rule_decides_on_requests() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    // Errors come at once, so nothing is in doubt.
    let scene = Scene::of(&server, Duration::from_secs(10));
    scene.go(
        || drop(server.call(&["CONFIG", "SET", "maxmemory", "1"])),
        || drop(server.call(&["CONFIG", "SET", "maxmemory", "0"])),
    );
    scene.assert_as_the_rules_say(0);
    scene.assert_certain_trouble();
    assert_eq!(scene.statuses(Closed, 200), LIMIT);
    assert_eq!(scene.statuses(Local, 200), LIMIT + PROCESSES * LIMIT);
}

/// Redis has written to disk whatever it has confirmed.
#[test]
fn a_restarted_redis_is_found_by_each_process() {
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let scene = Scene::of(&server, DEADLINE);
    let server = RefCell::new(server);
    scene.go(|| server.borrow_mut().kill(), || assert!(server.borrow_mut().run()));
    scene.assert_as_the_rules_say(0);
    scene.assert_certain_trouble();
    // Requests that were active when it was killed may have counted.
    let (granted, in_doubt) = (scene.statuses(Closed, 200), scene.in_doubt(Closed) + CLIENTS);
    assert!(granted <= LIMIT && granted + in_doubt >= LIMIT, "{granted}, {in_doubt} in doubt");
    let granted = scene.statuses(Local, 200);
    assert!(granted <= LIMIT + PROCESSES * LIMIT, "{granted}");
}

#[test]
fn a_halted_redis_hangs_no_request() {
    let server = Server::start(&[]);
    let scene = Scene::of(&server, DEADLINE);
    scene.go(
        || drop(server.call(&["CLIENT", "PAUSE", "60000", "WRITE"])),
        || drop(server.call(&["CLIENT", "UNPAUSE"])),
    );
    scene.assert_as_the_rules_say(0);
    scene.assert_certain_trouble();
    // Requests that gave up waiting may have counted.
    let (granted, in_doubt) = (scene.statuses(Closed, 200), scene.in_doubt(Closed));
    assert!(granted <= LIMIT && granted + in_doubt >= LIMIT, "{granted}, {in_doubt} in doubt");
    let granted = scene.statuses(Local, 200);
    assert!((PROCESSES * LIMIT..=LIMIT + PROCESSES * LIMIT).contains(&granted), "{granted}");
}

#[test]
fn a_killed_node_is_replaced_by_its_replica() {
    let mut cluster = Cluster::start();
    let urls = cluster.urls();
    let nodes = (0..urls.len()).map(|number| format!("{{ env = \"REDIS_URL_{number}\" }}"));
    let nodes = nodes.collect::<Vec<_>>().join(", ");
    let redis = format!("redis_cluster = [{nodes}]");
    // Shorter than the cluster takes to replace a node: until then requests must fail.
    let scene = Scene::new(&redis, &urls, Duration::from_millis(300));
    // All counters of the gateway are on one node.
    let first = &mut scene.processes.connect()[0];
    wait_for("the cluster counts", || {
        first.as_mut().unwrap().ask("gw", "t", "grok-closed").unwrap() == 200
    });
    let has_keys = |node: &Server| node.call(&["DBSIZE"]).number() > 0;
    let owner = cluster.masters.iter().position(has_keys).unwrap();
    cluster.add_replica(owner);
    let is_replaced = |replica: &Server| replica.info("replication", "role") == "master";
    let cluster = RefCell::new(cluster);
    // Grants while the node is killed may not have reached the replica.
    let last = Cell::new(0);
    scene.go(
        || {
            let before = scene.statuses(Closed, 200);
            cluster.borrow().wait_for_replica(owner);
            cluster.borrow_mut().masters[owner].kill();
            last.set(scene.statuses(Closed, 200) - before + CLIENTS);
        },
        || {
            let cluster = cluster.borrow();
            wait_for("the replica is the master", || {
                cluster.replica.as_ref().is_some_and(is_replaced)
            });
        },
    );
    scene.assert_as_the_rules_say(last.get());
    // One request was sent before. Requests that were active when the node was killed may have counted,
    // too.
    let (granted, in_doubt) = (1 + scene.statuses(Closed, 200), scene.in_doubt(Closed) + CLIENTS);
    assert!(
        granted <= LIMIT + last.get() && granted + in_doubt >= LIMIT,
        "{granted}, {in_doubt} in doubt, {} at last",
        last.get()
    );
    let granted = scene.statuses(Local, 200);
    assert!(granted <= LIMIT + last.get() + PROCESSES * LIMIT, "{granted}");
}
