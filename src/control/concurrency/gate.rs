//! Which limits a request is under.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use super::list::SmallList;

/// One limit that a request is under.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) key: GateKey,
    /// How many may be inside at once.
    pub(crate) limit: usize,
    /// How long one may wait to get in, counted from the call.
    pub(crate) wait: Duration,
}

/// Whose requests share a pool.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum GateKey {
    /// All those of a layer.
    All,
    /// Those to which the host's rule of this number gives this name.
    Host(usize, Box<str>),
}

// Names are the host's: they may be secrets.
impl fmt::Debug for GateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("All"),
            Self::Host(rule, _) => f.debug_tuple("Host").field(rule).finish_non_exhaustive(),
        }
    }
}

/// A rule of the host's: the name and the limit of a request's pool, where there is one.
type Rule = Arc<dyn Fn(&Extensions) -> Option<(Box<str>, usize)> + Send + Sync>;

/// What a layer was made with.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(super) all: Option<usize>,
    pub(super) rules: Vec<Rule>,
    pub(super) wait: Duration,
    pub(super) queue: usize,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("all", &self.all)
            .field("rules", &self.rules.len())
            .field("wait", &self.wait)
            .field("queue", &self.queue)
            .finish()
    }
}

/// The gates of a request, in the order in which they are taken.
///
/// That order is the same for all requests, so that no two wait for each other; and it goes from
/// the narrow to the wide, so that whoever waits for its own kind holds no place of the others.
pub(crate) fn gates_of(extensions: &Extensions, explicit: &Limits) -> SmallList<Gate> {
    let mut gates = SmallList::default();
    for (number, rule) in explicit.rules.iter().enumerate() {
        if let Some((name, limit)) = rule(extensions) {
            gates.push(Gate { key: GateKey::Host(number, name), limit, wait: explicit.wait });
        }
    }
    if let Some(limit) = explicit.all {
        gates.push(Gate { key: GateKey::All, limit, wait: explicit.wait });
    }
    gates
}
