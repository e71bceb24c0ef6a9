//! Every request, write and purge, in order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tower_ai_gateway::hook::CacheStatus;
use tower_ai_gateway::{EndEvent, MetricsHook};

use super::exchange::{End, Exchange, Got};
use super::question::Purge;
use super::script::Script;

/// Clones share the journal.
#[derive(Clone, Default)]
pub struct Journal(std::sync::Arc<Mutex<Entries>>);

#[derive(Default)]
pub struct Entries {
    /// Numbers the events.
    step: u64,
    /// Whether the store may lose entries.
    pub is_shaky: bool,
    pub exchanges: Vec<Begun>,
    pub calls: Vec<Call>,
    pub purges: Vec<Purged>,
    pub kinds: BTreeMap<&'static str, usize>,
}

#[derive(Debug)]
pub struct Begun {
    pub exchange: Exchange,
    pub began: u64,
    /// What the end events say about the cache.
    ends: Vec<Option<CacheStatus>>,
    /// What the response says.
    cache: Option<&'static str>,
}

/// A call that has reached the provider.
#[derive(Debug)]
pub struct Call {
    pub exchange: usize,
    pub began: u64,
    /// By the clock of the cache.
    pub at: u64,
    pub script: Script,
    /// When a reader reached the end of the response.
    pub read: Option<u64>,
}

#[derive(Debug)]
pub struct Purged {
    pub what: Purge,
    pub began: u64,
    pub ended: Option<u64>,
}

impl Journal {
    pub fn new(is_shaky: bool) -> Self {
        let journal = Self::default();
        journal.entries().is_shaky = is_shaky;
        journal
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next exchange.
    pub fn next(&self) -> usize {
        self.entries().exchanges.len()
    }

    pub fn plans(&self, exchange: Exchange) {
        let begun = Begun { exchange, began: 0, ends: Vec::new(), cache: None };
        self.entries().exchanges.push(begun);
    }

    pub fn begins(&self, exchange: usize) {
        let mut entries = self.entries();
        entries.exchanges[exchange].began = entries.next();
    }

    /// Notes a call for this exchange, with this key and body. Returns its number, and what the provider
    /// does.
    pub fn is_called(
        &self,
        exchange: usize,
        (key, body): (&str, &Bytes),
        at: u64,
        script: impl FnOnce(usize, &Exchange) -> Script,
    ) -> (usize, Script) {
        let mut entries = self.entries();
        let (number, began) = (entries.calls.len(), entries.next());
        let asked = entries.exchanges[exchange].exchange;
        assert_eq!((key, &body[..]), (asked.question.key(), asked.question.body().as_bytes()));
        assert!(entries.calls.iter().all(|call| call.exchange != exchange), "called twice");
        let script = script(number, &asked);
        entries.calls.push(Call { exchange, began, at, script: script.clone(), read: None });
        (number, script)
    }

    pub fn purge_begins(&self, what: Purge) -> usize {
        let mut entries = self.entries();
        let began = entries.next();
        entries.purges.push(Purged { what, began, ended: None });
        entries.purges.len() - 1
    }

    pub fn purge_ends(&self, purge: usize) {
        let mut entries = self.entries();
        entries.purges[purge].ended = Some(entries.next());
    }

    /// Notes the end of an exchange at this time.
    pub fn ends(&self, exchange: usize, got: Option<&Got>, now: u64) {
        let mut entries = self.entries();
        let step = entries.next();
        if let Some(Got { call: Some(call), end: End::Whole, .. }) = got {
            entries.calls[*call].read.get_or_insert(step);
        }
        entries.exchanges[exchange].cache = got.map(|got| got.cache);
        match entries.verdict(exchange, got, now) {
            Ok(kind) => *entries.kinds.entry(kind).or_default() += 1,
            Err(what) => {
                let begun = &entries.exchanges[exchange];
                let call = got.and_then(|got| entries.calls.get(got.call?));
                let asker = call.map(|call| &entries.exchanges[call.exchange]);
                panic!("{what}: {begun:#?} got {got:#?} at {now}, of {call:#?} by {asker:#?}");
            }
        }
    }

    /// Exchanges from this one on that have not ended, and their calls.
    pub fn running(&self, from: usize) -> String {
        let entries = self.entries();
        let running = entries.exchanges[from..].iter().filter(|begun| begun.ends.is_empty());
        let running: Vec<_> = running.collect();
        let is_ours = |call: &&Call| running.iter().any(|it| it.exchange.number == call.exchange);
        format!("{running:?}, {:?}", entries.calls.iter().filter(is_ours).collect::<Vec<_>>())
    }

    /// Each exchange from this one on had exactly one end event, with the status of its response.
    pub fn all_have_ended(&self, from: usize) {
        for begun in &self.entries().exchanges[from..] {
            let [cache] = begun.ends[..] else { panic!("not one end: {begun:?}") };
            let Some(said) = begun.cache else { continue };
            assert_eq!(cache.map_or("none", CacheStatus::as_str), said, "{begun:?}");
        }
    }

    pub fn calls(&self) -> usize {
        self.entries().calls.len()
    }

    /// The number of responses of each kind.
    pub fn kinds(&self) -> BTreeMap<&'static str, usize> {
        self.entries().kinds.clone()
    }
}

impl Entries {
    fn next(&mut self) -> u64 {
        self.step += 1;
        self.step
    }
}

impl MetricsHook for Journal {
    fn on_end(&self, end: &EndEvent<'_>) {
        let (_, number) = end.context.metadata().iter().next().unwrap();
        let number: usize = number.to_string().parse().unwrap();
        self.entries().exchanges[number].ends.push(end.cache);
    }
}
