//! Ten thousand exchanges with a provider that fails in every way, against an oracle that knows each
//! request, write and purge. Each client gets a complete response to its own question that it may have, or
//! learns that it does not. The provider is called if it has to be, and only then. If the store fails, too,
//! the provider may be called more often, and nothing else changes.
//!
//! `CACHE_SEED` selects other exchanges; a failure reports its seed.

pub mod clock;
mod exchange;
mod journal;
mod question;
mod script;
mod shaky;
mod verdict;

use fastrand::Rng;
use tokio::task::JoinSet;
use tower_ai_gateway::settings::GatewaySettings;

use self::clock::Clocked;
use self::exchange::{Exchange, Times};
use self::journal::Journal;
use self::question::{ON_REQUEST, OWN, Purge, Question, SHARED, any};
use self::script::Script;
use self::shaky::Shaky;
use super::*;
use crate::support::cache_seed::Seed;
use crate::support::controlled::secret;

const BATCHES: usize = 500;
/// How many clients send requests at the same time.
const CLIENTS: usize = 20;

/// Longer than several slow heads in a row.
const TOO_LONG: Duration = Duration::from_secs(300);

/// The kinds of responses: from the cache, from the provider, and others.
/// Kinds that occur only with paused time.
pub const TIMED_OUT: &str = "timed out";
pub const WAITED: &str = "waited in vain";

const HITS: &[&str] = &["hit", "shared"];
const MISSES: &[&str] =
    &["miss", "left", "broken", "cut", "error", "refused", "failed", TIMED_OUT, WAITED];
const OTHERS: &[&str] = &["stale", "BYPASS", "none", "left before the head"];

/// Yields so many times.
async fn yields(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

struct Scene {
    stage: Arc<Stage>,
    journal: Journal,
    store: Clocked,
    /// The store in front of it, which fails at times.
    shaky: Option<Shaky>,
    times: Times,
    /// Whether time is paused, so that a provider can be slow.
    is_paused: bool,
    provider: tokio::task::JoinHandle<()>,
}

impl Scene {
    fn new(is_paused: bool, is_shaky: bool, seed: u64) -> Self {
        let (journal, store) = (Journal::new(is_shaky), Clocked::default());
        let hook = journal.clone();
        let shaky = is_shaky.then(|| Shaky::new(store.clone(), seed));
        let control = match shaky.clone() {
            Some(shaky) => ControlLayer::new().cache(shaky),
            None => ControlLayer::new().cache(store.clone()),
        };
        let stage = Stage::build(
            control,
            BodyBudget::default(),
            |set| set,
            |layer| {
                let other = Provider::openai().base_url("http://other.test");
                layer.provider(other).metrics_hook(hook)
            },
        );
        let stage = Arc::new(stage);
        let provider =
            tokio::spawn(provide(stage.clone(), journal.clone(), store.clone(), is_paused, seed));
        let times = Times { fresh: 300, stale: 300 };
        let scene = Self { stage, journal, store, shaky, times, is_paused, provider };
        scene.reload();
        scene
    }

    /// Applies the settings of the gateways.
    fn reload(&self) {
        let Times { fresh, stale } = self.times;
        let (fresh, stale) = (Duration::from_secs(fresh), Duration::from_secs(stale));
        let set = |cache: CacheSettings| -> GatewaySettings {
            settings(|set| {
                set.client_controls(ClientControl::ALL)
                    .key("grok", secret("sk-stored-grok"))
                    .key("openai", secret("sk-stored-openai"))
                    .cache(cache.stale_if_error(stale))
            })
        };
        let table = SettingsTable::new()
            .gateway("acct", OWN, set(CacheSettings::new(fresh)))
            .gateway("acct", SHARED, set(CacheSettings::new(fresh).shared()))
            .gateway("acct", ON_REQUEST, set(CacheSettings::on_request()));
        self.stage.settings.replace(table);
    }

    /// So many clients with similar questions, and at times a purge between them.
    async fn batch(&self, families: &[Vec<Question>], batch: usize, random: &mut Rng) {
        let (family, first) = (&families[random.usize(..families.len())], self.journal.next());
        let mut running = JoinSet::new();
        for number in first..first + CLIENTS {
            let question = if random.bool() { family[0] } else { any(random, family) };
            let place = (number, batch);
            let exchange = Exchange::new(place, question, self.times, self.is_paused, random);
            self.journal.plans(exchange);
            running.spawn(ask(
                self.stage.clone(),
                self.journal.clone(),
                self.store.now(),
                exchange,
            ));
        }
        if random.u8(..4) == 0 {
            let (what, turns) = (Purge::of(&family[0], random), random.usize(..40));
            running.spawn(purge(self.stage.clone(), self.journal.clone(), what, turns));
        }
        let all = tokio::time::timeout(TOO_LONG, async {
            while let Some(ended) = running.join_next().await {
                if let Err(error) = ended {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        });
        let is_over = all.await.is_ok();
        let stats = self.stage.cache.stats();
        assert!(is_over, "{stats:?}, without an end: {}", self.journal.running(first));
        assert!(!self.provider.is_finished());
        self.journal.all_have_ended(first);
        assert_eq!((stats.followers, stats.flights), (0, 0));
    }

    /// All kinds of responses occurred, as often as the cache reports, and nothing is left.
    async fn finish(self) {
        let Self { stage, journal, store, shaky, provider, is_paused, .. } = self;
        provider.abort();
        assert!(provider.await.unwrap_err().is_cancelled());
        let (kinds, stats) = (journal.kinds(), stage.cache.stats());
        let count = |all: &[&str]| {
            all.iter().map(|kind| kinds.get(kind).map_or(0, |count| *count as u64)).sum::<u64>()
        };
        println!("{kinds:?}, {} calls, {stats:?}", journal.calls());
        for kind in [HITS, MISSES, OTHERS].concat() {
            let least = if shaky.is_some() { 1 } else { 5 };
            let is_there =
                count(&[kind]) >= least || !is_paused && [TIMED_OUT, WAITED].contains(&kind);
            assert!(is_there, "{kind}: {kinds:?}");
        }
        // Exchanges whose client left may have been counted, too.
        let left = count(&["left before the head"]);
        let of = |seen: u64| seen..=seen + left;
        assert!(of(count(HITS)).contains(&stats.hits), "{kinds:?} {stats:?}");
        assert!(of(count(MISSES)).contains(&stats.misses), "{kinds:?} {stats:?}");
        assert!(of(count(&["stale"])).contains(&stats.stale), "{kinds:?} {stats:?}");
        let asked = stats.misses + stats.stale + count(&["BYPASS", "none"]) + left;
        assert!(journal.calls() as u64 <= asked, "{kinds:?} {stats:?}");
        if let Some(shaky) = shaky {
            let is_written = |stage: &Stage| stage.cache.stats().stored == shaky.promised();
            stage.until("all that was kept is counted, and no more", is_written).await;
        }
        drop((journal, store));
        Arc::into_inner(stage).unwrap().finish().await;
    }
}

async fn provide(
    stage: Arc<Stage>,
    journal: Journal,
    store: Clocked,
    may_be_slow: bool,
    seed: u64,
) {
    let mut calls = stage.asked.lock().await;
    while let Some(asked) = calls.recv().await {
        let header = |name: &str| asked.headers[name].to_str().unwrap();
        let exchange = header("x-request-id").parse().unwrap();
        let key = header("authorization").strip_prefix("Bearer ").unwrap();
        let mut is_stream = false;
        let seen = (key, &asked.body);
        let (number, script) =
            journal.is_called(exchange, seen, store.now(), |number, exchange| {
                is_stream = exchange.question.is_stream;
                let mut random = Rng::with_seed(seed ^ (number as u64) << 32);
                Script::new(number, is_stream, may_be_slow, &mut random)
            });
        tokio::spawn(script.play(number, is_stream, asked));
    }
}

async fn ask(stage: Arc<Stage>, journal: Journal, now: u64, exchange: Exchange) {
    exchange.begins().await;
    journal.begins(exchange.number);
    let service = stage.service.clone();
    let request = exchange.request();
    let got = exchange.read(async move { service.oneshot(request).await.unwrap() }).await;
    journal.ends(exchange.number, got.as_ref(), now);
}

async fn purge(stage: Arc<Stage>, journal: Journal, what: Purge, turns: usize) {
    yields(turns).await;
    let number = journal.purge_begins(what);
    // If the store fails, it is unknown what was purged.
    if stage.cache.purge(what.target()).await.is_ok() {
        journal.purge_ends(number);
    }
}

async fn run(is_paused: bool, is_shaky: bool) {
    let seed = Seed::new();
    let mut random = Rng::with_seed(seed.0);
    let mut scene = Scene::new(is_paused, is_shaky, seed.0);
    let families: Vec<_> = (0..12).map(|_| Question::family(&mut random)).collect();
    for batch in 0..BATCHES {
        match random.u8(..8) {
            0..3 => scene.store.pass(random.u64(1..900)),
            3 => {
                let (fresh, stale) =
                    (any(&mut random, &[90, 300, 1000]), any(&mut random, &[0, 400, 4000]));
                scene.times = Times { fresh, stale };
                scene.reload();
            }
            4 => {
                let family = &families[random.usize(..families.len())];
                let what = Purge::of(&family[0], &mut random);
                purge(scene.stage.clone(), scene.journal.clone(), what, 0).await;
            }
            _ => {}
        }
        scene.batch(&families, batch, &mut random).await;
    }
    scene.finish().await;
}

#[tokio::test(start_paused = true)]
async fn no_request_gets_a_partial_or_foreign_response() {
    run(true, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_does_while_threads_race() {
    run(false, false).await;
}

#[tokio::test(start_paused = true)]
async fn none_does_while_the_store_fails() {
    run(true, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_does_while_the_store_fails_and_threads_race() {
    run(false, true).await;
}
