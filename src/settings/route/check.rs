//! Checks a route before it is used: its names, each node, and the graph.

use crate::directives::form::{ATTEMPTS, LONGEST_DELAY, TIMEOUTS};
use crate::provider::is_slug;
use crate::settings::route::RouteBuilder;
use crate::settings::route::error::{RouteError, RouteErrorKind};
use crate::settings::route::node::{Kind, Model, Node, Split};
use crate::util::text::is_id;

const MOST_NODES: usize = 64;
const MOST_SHARES: usize = 5;
/// The longest value that a condition can read from the body.
const LONGEST_MODEL: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    /// On the current path.
    Open,
    Done,
}

impl RouteBuilder {
    pub(super) fn check(&self) -> Result<(), RouteError> {
        let of_route = |kind| RouteError::of_route(&self.name, kind);
        let of_node = |node: &str, kind| RouteError::of_node(&self.name, node, kind);
        if !is_id(&self.name) {
            return Err(of_route(RouteErrorKind::RouteName));
        }
        if !is_id(&self.version) {
            let version = self.version.as_str().into();
            return Err(of_route(RouteErrorKind::Version { version }));
        }
        let start = self.start.as_deref().ok_or_else(|| of_route(RouteErrorKind::NoStart))?;
        if self.nodes.len() > MOST_NODES {
            return Err(of_route(RouteErrorKind::TooManyNodes { nodes: self.nodes.len() }));
        }
        for (at, (name, _)) in self.nodes.iter().enumerate() {
            if !is_id(name) {
                return Err(of_node(name, RouteErrorKind::NodeName));
            }
            if self.position(name) != Some(at) {
                return Err(of_node(name, RouteErrorKind::DuplicateNode));
            }
        }
        let start = self
            .position(start)
            .ok_or_else(|| of_route(RouteErrorKind::MissingStart { start: start.into() }))?;
        for (name, node) in &self.nodes {
            node.check().map_err(|kind| of_node(name, kind))?;
            if let Some(target) = node.targets().find(|target| self.position(target).is_none()) {
                return Err(of_node(name, RouteErrorKind::MissingTarget { target: target.into() }));
            }
        }
        let mut marks = vec![Mark::Unseen; self.nodes.len()];
        self.walk(start, &mut marks).map_err(|name| of_node(name, RouteErrorKind::Loop))?;
        for ((name, node), mark) in self.nodes.iter().zip(marks) {
            // An unreachable end does no harm.
            if mark == Mark::Unseen && *node != Node::end() {
                return Err(of_node(name, RouteErrorKind::Unreachable));
            }
        }
        let has_model = self.models().next().is_some();
        if has_model { Ok(()) } else { Err(of_route(RouteErrorKind::NoModel)) }
    }

    /// Marks all nodes reachable from one, or returns the name of a node that leads back to itself.
    /// The depth is bounded by the number of nodes.
    fn walk(&self, at: usize, marks: &mut [Mark]) -> Result<(), &str> {
        let (name, node) = &self.nodes[at];
        match marks[at] {
            Mark::Done => return Ok(()),
            Mark::Open => return Err(name),
            Mark::Unseen => marks[at] = Mark::Open,
        }
        let mut targets = node.targets().filter_map(|target| self.position(target));
        targets.try_for_each(|target| self.walk(target, marks))?;
        marks[at] = Mark::Done;
        Ok(())
    }
}

impl Node {
    /// Checks the node alone.
    fn check(&self) -> Result<(), RouteErrorKind> {
        match &self.0 {
            Kind::When { condition, .. } => condition.check(),
            Kind::Split(split) => split.check(),
            Kind::Model(model) => model.check(),
            #[cfg(feature = "limits")]
            Kind::Limit(_) => Ok(()),
            Kind::End {} => Ok(()),
        }
    }
}

impl Split {
    fn check(&self) -> Result<(), RouteErrorKind> {
        let shares = self.shares.len();
        if !(1..=MOST_SHARES).contains(&shares) {
            return Err(RouteErrorKind::ShareCount { shares });
        }
        if let Some(share) = self.shares.iter().find(|share| share.percent == 0) {
            return Err(RouteErrorKind::ZeroShare { target: share.to.clone() });
        }
        let percent = self.shares.iter().map(|share| u32::from(share.percent)).sum();
        if percent > 100 {
            return Err(RouteErrorKind::ShareSum { percent });
        }
        match &self.key {
            Some(key) if !key.is_split_key() => {
                Err(RouteErrorKind::SplitKey { key: key.to_string().into() })
            }
            _ => Ok(()),
        }
    }
}

impl Model {
    fn check(&self) -> Result<(), RouteErrorKind> {
        if !is_slug(&self.provider) {
            return Err(RouteErrorKind::Provider { provider: self.provider.clone() });
        }
        let length = self.model.len();
        if !(1..=LONGEST_MODEL).contains(&length) || self.model.contains(char::is_control) {
            return Err(RouteErrorKind::Model);
        }
        if self.timeout.is_some_and(|timeout| !TIMEOUTS.contains(&timeout)) {
            return Err(RouteErrorKind::Timeout);
        }
        if let Some(attempts) = self.attempts.filter(|number| !ATTEMPTS.contains(number)) {
            return Err(RouteErrorKind::Attempts { attempts });
        }
        if self.retry_delay.is_some_and(|delay| delay > LONGEST_DELAY) {
            return Err(RouteErrorKind::RetryDelay);
        }
        if self.key_alias.as_ref().is_some_and(|alias| !is_id(alias)) {
            return Err(RouteErrorKind::KeyAlias);
        }
        Ok(())
    }
}
