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
    /// The number of the call whose response begins so.
    fn number(&self, data: &[u8]) -> usize {
        let is_it = |call: &Call| call.script.body().as_bytes().starts_with(data);
        let number = self.calls.iter().position(is_it);
        number.unwrap_or_else(|| panic!("from nowhere: {}", String::from_utf8_lossy(data)))
    }

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

    /// A call begins. Returns what the provider does.
    pub(super) fn is_called(&self, question: &str, seed: u64) -> Script {
        let mut inner = self.inner();
        let (began, number) = (inner.tick(), inner.calls.len());
        let script = Script::new(number, seed);
        let question = question.to_owned();
        inner.calls.push(Call { question, script: script.clone(), began });
        script
    }

    pub(super) fn is_purged(&self, began: Tick) {
        let mut inner = self.inner();
        let ended = inner.tick();
        inner.purges.push((began, ended));
    }

    /// Fails unless the client may have got this while no exchange ran but its own. `calls` were made before.
    /// Returns whether the response is of one of them.
    pub(super) fn check_stored(&self, question: &str, got: &Got, calls: usize) -> bool {
        self.check(question, got);
        let inner = self.inner();
        let number = inner.number(&got.data);
        let is_stored = got.is_hit && number < calls;
        // A follower in another process may get what is not stored.
        if is_stored {
            assert_eq!((inner.calls[number].script.deed, got.end), (Deed::Whole, End::Clean));
        }
        is_stored
    }

    /// Fails unless the client may have got this.
    pub(super) fn check(&self, question: &str, got: &Got) {
        let Got { began, status, is_hit, ref data, end } = *got;
        if data.is_empty() && end != End::Clean {
            return;
        }
        let inner = self.inner();
        let text = String::from_utf8_lossy(data);
        let call = &inner.calls[inner.number(data)];
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
        let is_stale = |&(purge, done): &(Tick, Tick)| done < began && call.began < purge;
        assert!(!inner.purges.iter().any(is_stale), "it was purged: {text}");
    }
}
