//! Resolves a route for one request.

use sha2::{Digest, Sha256};

use crate::settings::route::node::{Kind, Split};
use crate::settings::route::{DynamicRoute, Facts, Model, RouteBuilder};

/// Shares are in hundredths of a percent.
const WHOLE: u64 = 10_000;
const PERCENT: u64 = WHOLE / 100;

impl DynamicRoute {
    /// The models that a request tries, with their nodes' names, in order. Empty if the route ends
    /// before a model. At most 64 long.
    ///
    /// Conditions do not depend on answers, so the whole list is known before the first attempt.
    pub(crate) fn resolve(&self, facts: &Facts<'_>) -> Vec<Choice<'_>> {
        let mut walk = Walk { route: &self.0.route, facts, steps: STEPS, chain: Vec::new() };
        let limits = Vec::new();
        walk.from(walk.route.start.as_deref(), &limits);
        walk.chain
    }
}

/// A model that a request tries.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice<'r> {
    /// The name of its node.
    pub(crate) node: &'r str,
    pub(crate) model: &'r Model,
    /// The limits that apply on the way to it.
    pub(crate) limits: Vec<Box<str>>,
}

/// The most nodes visited. A limit visits both branches, one after the other.
const STEPS: usize = 256;
/// The most models tried.
const MODELS: usize = 64;

struct Walk<'r, 'f> {
    route: &'r RouteBuilder,
    facts: &'f Facts<'f>,
    /// How many more nodes may be visited.
    steps: usize,
    chain: Vec<Choice<'r>>,
}

impl<'r> Walk<'r, '_> {
    /// Continues from a node. The depth is bounded by the number of nodes.
    fn from(&mut self, start: Option<&'r str>, limits: &[Box<str>]) {
        let route = self.route;
        let mut next = start;
        while let Some(at) = next.and_then(|name| route.position(name)) {
            if self.steps == 0 || self.chain.len() == MODELS {
                return;
            }
            self.steps -= 1;
            let (name, node) = &route.nodes[at];
            next = match &node.0 {
                Kind::When { condition, then, otherwise } => {
                    Some(if condition.holds(self.facts) { then } else { otherwise })
                }
                Kind::Split(split) => Some(split.choose(&route.name, name, self.facts)),
                Kind::Model(model) => {
                    self.chain.push(Choice { node: name, model, limits: limits.to_vec() });
                    model.fallback.as_deref()
                }
                #[cfg(feature = "limits")]
                Kind::Limit(limit) => {
                    let mut under = limits.to_vec();
                    under.push(limit.limit.clone());
                    let before = self.chain.len();
                    self.from(Some(&limit.then), &under);
                    // Without a model, `then` came to an end, which withholds the others, too.
                    (self.chain.len() > before).then_some(&*limit.otherwise)
                }
                Kind::End {} => None,
            };
        }
    }
}

impl Split {
    fn choose(&self, route: &str, node: &str, facts: &Facts<'_>) -> &str {
        let value = self.key.as_ref().and_then(|key| facts.text(key));
        let place = match value {
            Some(value) => place(route, node, &value),
            None => fastrand::u64(..WHOLE),
        };
        let mut end = 0;
        let share = self.shares.iter().find(|share| {
            end += u64::from(share.percent) * PERCENT;
            place < end
        });
        share.map_or(&self.otherwise, |share| &share.to)
    }
}

/// A value's position from 0 to `WHOLE`. It must stay the same in every process and release,
/// because it decides which user gets which model.
fn place(route: &str, node: &str, value: &str) -> u64 {
    let parts = [route, "\0", node, "\0", value];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part));
    let digest: [u8; 32] = digest.finalize().into();
    let head = digest[..8].iter().fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    head % WHOLE
}

#[cfg(test)]
mod tests;
