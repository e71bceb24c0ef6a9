//! Compares `RedisStore` with `redis-benchmark` running the same script. Started by run.sh.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../../tests/it/support/polling.rs"]
mod polling;
#[allow(dead_code)]
#[path = "../../tests/redis/server.rs"]
mod server;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tower_ai_gateway::control::limits::{Claim, Counter, LimitStore, RedisStore, ReservationId};
use tower_ai_gateway::settings::limits::{Period, Window};

use self::server::{Reply, Server};

/// The number of requests per round, unless given on the command line.
const REQUESTS: u64 = 40_000;
/// The number of concurrent requests.
const CLIENTS: u64 = 50;
const TURNS: usize = 5;
const LIMIT: u64 = 1_000_000_000;
const SCRIPT: &str = concat!(
    "#!lua\n",
    include_str!("../../src/control/limits/redis/counter.lua"),
    include_str!("../../src/control/limits/redis/reserve.lua")
);

fn main() {
    // `cargo bench` adds `--bench`.
    let requests = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let requests = requests.unwrap_or(REQUESTS);
    let server = Server::start(&[]);
    let Reply::Text(hash) = server.call(&["SCRIPT", "LOAD", SCRIPT]) else { panic!("no hash") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(10)).build().unwrap();
    let store = Arc::new(store);

    println!("{requests} requests, {CLIENTS} at a time, three claims each, two of them leased");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        server.call(&["FLUSHALL"]);
        let their = benchmark(&server, &hash, requests);
        server.call(&["FLUSHALL"]);
        let our = runtime.block_on(decisions(&store, requests));
        if turn == 0 {
            continue; // warm-up
        }
        println!(
            "redis-benchmark {their:8.0}/s   RedisStore {our:8.0}/s   ratio {:.2}",
            our / their
        );
        ours.push(our);
        theirs.push(their);
    }
    assert_eq!(server.info("commandstats", "cmdstat_eval"), "", "it was another script");
    println!("median ratio {:.2}", median(ours) / median(theirs));
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn claims() -> [Claim; 3] {
    let counter = |id| Counter { gateway: [1; 8], id: [id; 16] };
    let claim = |id, window, amount, lease| Claim {
        counter: counter(id),
        window,
        limit: LIMIT,
        amount,
        lease,
        is_shadow: false,
    };
    let lease = Some(Duration::from_secs(600));
    let minute = Duration::from_secs(60);
    [
        claim(1, Window::Fixed(Period::Day), 1, None),
        claim(2, Window::Sliding(minute), 900, lease),
        claim(3, Window::Fixed(Period::Month), 12_345, lease),
    ]
}

async fn decisions(store: &Arc<RedisStore>, requests: u64) -> f64 {
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                let claims = claims();
                loop {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id >= requests {
                        return;
                    }
                    let decision = store.reserve(ReservationId(id.into()), &claims).await.unwrap();
                    assert!(decision.is_granted);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    requests as f64 / started.elapsed().as_secs_f64()
}

/// Runs `redis-benchmark`, and returns its requests per second.
fn benchmark(server: &Server, hash: &str, requests: u64) -> f64 {
    let name =
        |id: &str, end: &str| format!("taig:v2:{{{}}}:{}{end}", "01".repeat(8), id.repeat(16));
    let keys = ["", ":h"].iter().flat_map(|end| ["01", "02", "03"].map(|id| name(id, end)));
    let limit = LIMIT.to_string();
    let arguments = [
        "00000000000000000000__rand_int__", // 32 digits
        "1",
        "3",
        &limit,
        "0",
        "1",
        "0",
        "0",
        "2",
        "60000",
        &limit,
        "0",
        "900",
        "600000",
        "0",
        "1",
        "5",
        &limit,
        "0",
        "12345",
        "600000",
        "0",
    ];
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.port.to_string(), "-n", &requests.to_string()])
        .args(["-c", &CLIENTS.to_string(), "-r", "1000000000", "--csv", "evalsha", hash, "6"])
        .args(keys)
        .args(arguments)
        .output()
        .expect("redis-benchmark is installed");
    // A header, and a line that starts with the name of the test and its requests per second.
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = output.lines().last().unwrap_or_default();
    let rate = line.rsplit("\",\"").nth(6).and_then(|rate| rate.parse().ok());
    rate.unwrap_or_else(|| panic!("not understood: {line}"))
}
