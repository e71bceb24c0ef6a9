//! Random exchanges over several gateways, while Redis loses keys and connections: no client gets a part as
//! a whole, another's response, or one that was purged.

mod journal;
mod provider;

use std::collections::BTreeMap;

use fastrand::Rng;
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use self::journal::{End, Got, Journal};
use super::*;
use crate::cache_seed::Seed;
use crate::gateway::Gateway;

const GATEWAYS: usize = 3;
const BATCHES: usize = 30;
/// The clients of a batch.
const CLIENTS: usize = 20;
const QUESTIONS: usize = 8;

/// What happens to Redis.
#[derive(Clone, Copy)]
enum Fault {
    /// It evicts some of its keys.
    Evicts,
    /// It loses all of them.
    Flushes,
    /// It closes its connections.
    Disconnects,
    /// It answers nothing for some time.
    Pauses,
}

impl Fault {
    fn happens(self, server: &Server, random: &mut Rng) {
        match self {
            Self::Evicts => {
                for key in server.keys().into_iter().filter(|_| random.bool()) {
                    server.call(&["DEL", &key]);
                }
            }
            Self::Flushes => drop(server.call(&["FLUSHALL"])),
            Self::Disconnects => drop(server.call(&["CLIENT", "KILL", "TYPE", "normal"])),
            Self::Pauses => drop(server.call(&["CLIENT", "PAUSE", "60", "ALL"])),
        }
    }
}

fn gateway(server: &Server, journal: &Journal, seed: u64) -> Gateway {
    let journal = journal.clone();
    let store =
        RedisCache::builder(server.url()).timeout(Duration::from_millis(500)).build().unwrap();
    Gateway::asking(
        BodyBudget::default(),
        &ControlLayer::new().cache(store),
        |set| set.cache(CacheSettings::new(Duration::from_secs(300))),
        move |body| {
            let journal = journal.clone();
            async move {
                let (number, script) = journal.is_called(str::from_utf8(&body).unwrap(), seed);
                script.play(number, journal).await
            }
        },
    )
}

/// `leaves`: the client leaves after so many frames.
async fn ask(gateway: Gateway, journal: Journal, question: &'static str, leaves: usize) -> Got {
    let began = journal.now();
    let response = gateway.ask(question).await;
    let (status, is_hit) =
        (response.status().as_u16(), response.headers()["cf-aig-cache-status"] == "HIT");
    let (mut body, mut data, mut end) = (response.into_body(), Vec::new(), End::Left);
    for _ in 0..leaves {
        match body.frame().await {
            Some(Ok(frame)) => data.extend_from_slice(&frame.into_data().unwrap_or_default()),
            other => {
                end = if other.is_none() { End::Clean } else { End::Broken };
                break;
            }
        }
    }
    Got { began, status, is_hit, data, end }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_client_of_many_gateways_gets_a_partial_foreign_or_purged_response() {
    let seed = Seed::new();
    let mut random = Rng::with_seed(seed.0);
    let (server, journal) = (Server::start(&[]), Journal::default());
    let questions: Vec<&'static str> = (0..QUESTIONS)
        .map(|number| {
            let body = format!(r#"{{"model":"grok-4","stream":true,"messages":[{number}]}}"#);
            &*body.leak()
        })
        .collect();
    let gateways: Vec<_> = (0..GATEWAYS).map(|_| gateway(&server, &journal, seed.0)).collect();
    let operator = patient(&server);
    let mut kinds = BTreeMap::<_, usize>::new();
    for _ in 0..BATCHES {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (gateway, journal) = (random.choice(&gateways).unwrap().clone(), journal.clone());
            // The first ones are asked most.
            let most = random.usize(1..=QUESTIONS);
            let question = questions[random.usize(..most)];
            let leaves = if random.u8(..4) == 0 { random.usize(..6) } else { usize::MAX };
            let waits = Duration::from_millis(random.u64(..60));
            clients.spawn(async move {
                tokio::time::sleep(waits).await;
                let got = ask(gateway, journal.clone(), question, leaves);
                let got = timeout(TOO_LONG, got).await.expect("it comes to an end");
                journal.check(question, &got);
                (got.is_hit, got.end)
            });
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..60))).await;
        match random.u8(..4) {
            0 => {
                let began = journal.now();
                if operator.purge(&Purge::All).await.is_ok() {
                    journal.is_purged(began);
                }
            }
            1 => {
                let faults = [Fault::Evicts, Fault::Flushes, Fault::Disconnects, Fault::Pauses];
                random.choice(faults).unwrap().happens(&server, &mut random);
            }
            _ => {}
        }
        for (is_hit, end) in clients.join_all().await {
            *kinds.entry((is_hit, format!("{end:?}"))).or_default() += 1;
        }
    }
    println!("{kinds:?}, {} calls", journal.calls());
    for is_hit in [true, false] {
        for end in [End::Clean, End::Broken, End::Left] {
            assert!(kinds.contains_key(&(is_hit, format!("{end:?}"))), "{end:?}: {kinds:?}");
        }
    }
    assert!(journal.calls() < BATCHES * CLIENTS / 2, "{}", journal.calls());
    for gateway in &gateways {
        eventually("no memory is held", async || gateway.budget.used() == 0).await;
    }
}
