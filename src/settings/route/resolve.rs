//! Resolves a route for one request.

use sha2::{Digest, Sha256};

use crate::settings::route::node::{Kind, Split};
use crate::settings::route::{DynamicRoute, Facts, Model};

/// Shares are counted in hundredths of a percent.
const WHOLE: u64 = 10_000;
const PERCENT: u64 = WHOLE / 100;

impl DynamicRoute {
    /// The models that a request tries, with the names of their nodes: the first, then the one to
    /// try when that has failed, and so on. Empty if the route ends before a model. No longer than
    /// there are nodes.
    ///
    /// No condition depends on what a model answers, so this is known before the first is tried.
    pub(crate) fn resolve(&self, facts: &Facts<'_>) -> Vec<(&str, &Model)> {
        let route = &self.0.route;
        let mut chain = Vec::new();
        let mut next = route.start.as_deref();
        while let Some(at) = next.and_then(|name| route.position(name)) {
            let (name, node) = &route.nodes[at];
            next = match &node.0 {
                Kind::When { condition, then, otherwise } => {
                    Some(if condition.holds(facts) { then } else { otherwise })
                }
                Kind::Split(split) => Some(split.choose(&route.name, name, facts)),
                Kind::Model(model) => {
                    chain.push((name.as_str(), model));
                    model.fallback.as_deref()
                }
                Kind::End {} => None,
            };
        }
        chain
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

/// A value's position among all, from 0 to `WHOLE`. It must stay the same in every process and
/// release, because it decides who gets which model.
fn place(route: &str, node: &str, value: &str) -> u64 {
    let parts = [route, "\0", node, "\0", value];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part));
    let digest: [u8; 32] = digest.finalize().into();
    let head = digest[..8].iter().fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    head % WHOLE
}

#[cfg(test)]
mod tests;
