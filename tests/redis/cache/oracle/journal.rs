//! What the provider has sent, and whether a client may get it.

use std::sync::{Arc, Mutex, MutexGuard};

use super::provider::{Deed, Script};

/// A clock that counts what happens.
type Tick = usize;

/// What clients and the provider have seen.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    clock: Tick,
    calls: Vec<Call>,
    /// When each purge began and was complete.
    purges: Vec<(Tick, Tick)>,
}

struct Call {
    question: String,
    script: Script,
    began: Tick,
    ended: Option<Tick>,
}

/// What a client has got.
pub(super) struct Got {
    pub(super) began: Tick,
    pub(super) status: u16,
    pub(super) is_hit: bool,
    pub(super) data: Vec<u8>,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Clean,
    Broken,
    /// The client has left.
    Left,
}

impl Inner {
    fn tick(&mut self) -> Tick {
        self.clock += 1;
        self.clock
    }
}

impl Journal {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn now(&self) -> Tick {
        self.inner().tick()
    }

    pub(super) fn calls(&self) -> usize {
        self.inner().calls.len()
    }

    /// A call begins. Returns its number and what the provider does.
    pub(super) fn is_called(&self, question: &str, seed: u64) -> (usize, Script) {
        let mut inner = self.inner();
        let (began, number) = (inner.tick(), inner.calls.len());
        let script = Script::new(number, seed);
        let (question, ended) = (question.to_owned(), None);
        inner.calls.push(Call { question, script: script.clone(), began, ended });
        (number, script)
    }

    /// The provider has sent all that it sends.
    pub(super) fn has_sent(&self, number: usize) {
        let mut inner = self.inner();
        inner.calls[number].ended = Some(inner.tick());
    }

    pub(super) fn is_purged(&self, began: Tick) {
        let mut inner = self.inner();
        let ended = inner.tick();
        inner.purges.push((began, ended));
    }

    /// Fails unless the client may have got this.
    pub(super) fn check(&self, question: &str, got: &Got) {
        let Got { began, status, is_hit, ref data, end } = *got;
        if data.is_empty() && end != End::Clean {
            return;
        }
        let inner = self.inner();
        let text = String::from_utf8_lossy(data);
        let is_it = |call: &&Call| call.script.body().as_bytes().starts_with(data);
        let call = inner.calls.iter().find(is_it).unwrap_or_else(|| panic!("from nowhere: {text}"));
        let Script { deed, status: sent, .. } = call.script;
        assert_eq!((call.question.as_str(), sent), (question, status), "{text}");
        let is_whole = call.script.body().len() == data.len();
        match end {
            End::Clean => assert!(is_whole && deed != Deed::Broken, "{deed:?}: {text}"),
            // A follower may be cut off, whoever has asked gets everything.
            End::Broken => assert!(is_hit || deed == Deed::Broken, "{deed:?}: {text}"),
            End::Left => {}
        }
        if !is_hit {
            return;
        }
        assert_ne!(deed, Deed::Refused, "{text}");
        if call.ended.is_some_and(|ended| ended < began) {
            assert_eq!(deed, Deed::Whole, "it is stored: {text}");
        }
        let is_stale = |&(purge, done): &(Tick, Tick)| done < began && call.began < purge;
        assert!(!inner.purges.iter().any(is_stale), "it was purged: {text}");
    }
}
