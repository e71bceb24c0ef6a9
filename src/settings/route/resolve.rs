//! The way of one request through a route.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::graph::{Checked, Graph, ModelNode, Split};
use super::{DynamicRoute, Facts};

/// Shares are counted in hundredths of a percent.
const WHOLE: u64 = 10_000;
const PERCENT: u64 = WHOLE / 100;

impl DynamicRoute {
    /// The models that a request tries: the first, then the one to try when that has failed, and so
    /// on. Empty where the route ends before a model. No longer than there are nodes.
    ///
    /// No condition depends on what a model answers, so this is known before the first is tried.
    pub(crate) fn resolve(&self, facts: &Facts<'_>) -> Vec<Arc<ModelNode>> {
        let Graph { start, nodes } = &self.0.graph;
        let mut chain = Vec::new();
        let mut next = Some(*start);
        while let Some(node) = next.and_then(|place| nodes.get(place)) {
            next = match node {
                Checked::When { condition, then, otherwise } => {
                    Some(if condition.holds(facts) { *then } else { *otherwise })
                }
                Checked::Split(split) => Some(split.choose(self.name(), facts)),
                Checked::Model { model, fallback } => {
                    chain.push(Arc::clone(model));
                    *fallback
                }
                Checked::End => None,
            };
        }
        chain
    }
}

impl Split {
    fn choose(&self, route: &str, facts: &Facts<'_>) -> usize {
        let value = self.key.as_ref().and_then(|key| facts.text(key));
        let place = match value {
            Some(value) => place(route, &self.name, &value),
            None => fastrand::u64(..WHOLE),
        };
        let mut end = 0;
        let share = self.shares.iter().find(|(percent, _)| {
            end += u64::from(*percent) * PERCENT;
            place < end
        });
        share.map_or(self.otherwise, |(_, target)| *target)
    }
}

/// Where a value stands among all: the same in every process and release, for it decides who gets
/// which model.
fn place(route: &str, node: &str, value: &str) -> u64 {
    let parts = [route, "\0", node, "\0", value];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part));
    let digest: [u8; 32] = digest.finalize().into();
    let head = digest[..8].iter().fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    head % WHOLE
}

#[cfg(test)]
mod tests;
