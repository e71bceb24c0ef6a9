//! Random exchanges over several gateways, while Redis loses keys and connections: no client gets a part as
//! a whole, another's response, or one that was purged.

mod journal;
mod provider;

use std::collections::BTreeMap;

use fastrand::Rng;
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use self::journal::{End, Got, Journal};
use super::*;
use crate::cache_seed::Seed;
use crate::gateway::Gateway;

const GATEWAYS: usize = 3;
const ROUNDS: usize = 6;
/// On a slow machine more rounds are needed until everything has happened.
const MOST_ROUNDS: usize = 30;
const BATCHES: usize = 5;
/// A hit or not, and each way to its end.
const KINDS: usize = 6;
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
            async move { journal.is_called(str::from_utf8(&body).unwrap(), seed).play().await }
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

struct Scene {
    server: Server,
    journal: Journal,
    gateways: Vec<Gateway>,
    operator: RedisCache,
    questions: Vec<&'static str>,
    random: Rng,
    /// How many clients got a hit or not, and how it ended.
    kinds: BTreeMap<(bool, String), usize>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let (server, journal) = (Server::start(&[]), Journal::default());
        let question = |number| {
            let body = format!(r#"{{"model":"grok-4","stream":true,"messages":[{number}]}}"#);
            &*body.leak()
        };
        Self {
            gateways: (0..GATEWAYS).map(|_| gateway(&server, &journal, seed)).collect(),
            operator: patient(&server),
            questions: (0..QUESTIONS).map(question).collect(),
            random: Rng::with_seed(seed),
            kinds: BTreeMap::new(),
            server,
            journal,
        }
    }

    async fn batch(&mut self) {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let random = &mut self.random;
            let gateway = random.choice(&self.gateways).unwrap().clone();
            let journal = self.journal.clone();
            // The first ones are asked most.
            let most = random.usize(1..=QUESTIONS);
            let question = self.questions[random.usize(..most)];
            let leaves = if random.u8(..4) == 0 { random.usize(..6) } else { usize::MAX };
            let waits = self.pause();
            clients.spawn(async move {
                sleep(waits).await;
                let got = ask(gateway, journal.clone(), question, leaves);
                let got = timeout(TOO_LONG, got).await.expect("it comes to an end");
                journal.check(question, &got);
                (got.is_hit, got.end)
            });
        }
        sleep(self.pause()).await;
        self.interfere().await;
        for (is_hit, end) in clients.join_all().await {
            *self.kinds.entry((is_hit, format!("{end:?}"))).or_default() += 1;
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(..60))
    }

    /// Purges, lets something happen to Redis, or does nothing.
    async fn interfere(&mut self) {
        match self.random.u8(..4) {
            0 => {
                let began = self.journal.now();
                if self.operator.purge(&Purge::All).await.is_ok() {
                    self.journal.is_purged(began);
                }
            }
            1 => {
                let faults = [Fault::Evicts, Fault::Flushes, Fault::Disconnects, Fault::Pauses];
                self.random.choice(faults).unwrap().happens(&self.server, &mut self.random);
            }
            _ => {}
        }
    }

    /// Returns how many questions are answered by what is stored, once all exchanges have ended.
    async fn stored(&self) -> usize {
        for gateway in &self.gateways {
            eventually("no memory is held", async || gateway.budget.used() == 0).await;
        }
        let is_lease = |key: &String| key.contains("}:l:");
        eventually("no lease is held", async || !self.server.keys().iter().any(is_lease)).await;
        let (calls, mut stored) = (self.journal.calls(), 0);
        for question in &self.questions {
            for gateway in &self.gateways {
                let got = ask(gateway.clone(), self.journal.clone(), question, usize::MAX).await;
                stored += usize::from(self.journal.check_stored(question, &got, calls));
            }
        }
        stored
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_client_of_many_gateways_gets_a_partial_foreign_or_purged_response() {
    let seed = Seed::new();
    let (mut scene, mut stored) = (Scene::new(seed.0), 0);
    let mut rounds = 0;
    while rounds < ROUNDS || (rounds < MOST_ROUNDS && (stored == 0 || scene.kinds.len() < KINDS)) {
        for _ in 0..BATCHES {
            scene.batch().await;
        }
        stored += scene.stored().await;
        rounds += 1;
    }
    let (kinds, calls) = (&scene.kinds, scene.journal.calls());
    println!("{rounds} rounds, {kinds:?}, {calls} calls, {stored} stored");
    assert_eq!(kinds.len(), KINDS, "{kinds:?}");
    assert!(stored > 0);
    let asked = rounds * (BATCHES * CLIENTS + QUESTIONS * GATEWAYS);
    assert!(calls < asked, "{calls} of {asked}");
}
