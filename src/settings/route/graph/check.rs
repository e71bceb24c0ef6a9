//! What a node by itself must be like.

use std::sync::Arc;

use super::{Checked, Mistake, ModelNode, Split};
use crate::directives::form::{ATTEMPTS, LONGEST_DELAY, TIMEOUTS};
use crate::provider::is_slug;
use crate::routing::is_id;
use crate::settings::route::condition::Subject;
use crate::settings::route::error::RouteErrorKind;
use crate::settings::route::node::{Kind, Model, Node};

const MOST_SHARES: usize = 5;
/// What fits into the field of the body that a condition may read.
const LONGEST_MODEL: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Unseen,
    /// On the way that is being walked.
    Open,
    Done,
}

/// The names of all nodes. A node's place is that of its name.
pub(super) struct Names<'a>(&'a [String]);

impl<'a> Names<'a> {
    pub(super) fn new(names: &'a [String]) -> Result<Self, Mistake> {
        for (place, name) in names.iter().enumerate() {
            if !is_id(name) {
                return Err(Mistake::at(name, RouteErrorKind::NodeName));
            }
            if names[..place].contains(name) {
                return Err(Mistake::at(name, RouteErrorKind::DuplicateNode));
            }
        }
        Ok(Self(names))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn name(&self, place: usize) -> &'a str {
        &self.0[place]
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known == name)
    }

    fn target(&self, name: String) -> Result<usize, RouteErrorKind> {
        self.find(&name).ok_or_else(|| RouteErrorKind::MissingTarget { target: name.into() })
    }
}

impl Checked {
    pub(super) fn new(name: &str, node: Node, names: &Names<'_>) -> Result<Self, RouteErrorKind> {
        Ok(match node.0 {
            Kind::When { condition, then, otherwise } => {
                condition.check()?;
                let (then, otherwise) = (names.target(then)?, names.target(otherwise)?);
                Self::When { condition, then, otherwise }
            }
            Kind::Split { key, shares, otherwise } => {
                check_shares(&shares)?;
                if let Some(key) = key.as_ref().filter(|key| !is_split_key(key)) {
                    return Err(RouteErrorKind::SplitKey { key: key.to_string().into() });
                }
                let shares = shares
                    .into_iter()
                    .map(|(percent, target)| Ok((percent, names.target(target)?)));
                Self::Split(Split {
                    name: name.into(),
                    key,
                    shares: shares.collect::<Result<_, _>>()?,
                    otherwise: names.target(otherwise)?,
                })
            }
            Kind::Model(model) => {
                let fallback = model.fallback.clone().map(|target| names.target(target));
                let fallback = fallback.transpose()?;
                Self::Model { model: Arc::new(ModelNode::new(name, model)?), fallback }
            }
            Kind::End => Self::End,
        })
    }
}

impl ModelNode {
    fn new(name: &str, node: Model) -> Result<Self, RouteErrorKind> {
        let Model { provider, model, timeout, attempts, retry_delay, backoff, key_alias, .. } =
            node;
        if !is_slug(&provider) {
            return Err(RouteErrorKind::Provider { provider: provider.into() });
        }
        if !(1..=LONGEST_MODEL).contains(&model.len()) || model.contains(char::is_control) {
            return Err(RouteErrorKind::Model);
        }
        if timeout.is_some_and(|timeout| !TIMEOUTS.contains(&timeout)) {
            return Err(RouteErrorKind::Timeout);
        }
        if let Some(attempts) = attempts.filter(|attempts| !(ATTEMPTS.fits)(u64::from(*attempts))) {
            return Err(RouteErrorKind::Attempts { attempts });
        }
        if retry_delay.is_some_and(|delay| delay > LONGEST_DELAY) {
            return Err(RouteErrorKind::RetryDelay);
        }
        if key_alias.as_ref().is_some_and(|alias| !is_id(alias)) {
            return Err(RouteErrorKind::KeyAlias);
        }
        Ok(Self {
            name: name.into(),
            provider: provider.into(),
            model: model.into(),
            timeout,
            attempts,
            retry_delay,
            backoff,
            key_alias: key_alias.map(Box::from),
        })
    }
}

fn check_shares(shares: &[(u8, String)]) -> Result<(), RouteErrorKind> {
    if !(1..=MOST_SHARES).contains(&shares.len()) {
        return Err(RouteErrorKind::ShareCount { shares: shares.len() });
    }
    if let Some((_, target)) = shares.iter().find(|(percent, _)| *percent == 0) {
        return Err(RouteErrorKind::ZeroShare { target: target.as_str().into() });
    }
    let percent = shares.iter().map(|(percent, _)| u32::from(*percent)).sum();
    if percent > 100 { Err(RouteErrorKind::ShareSum { percent }) } else { Ok(()) }
}

/// What has one value in a request, and is known before its body is.
fn is_split_key(key: &Subject) -> bool {
    matches!(key, Subject::Caller | Subject::CallerLabel(_) | Subject::Metadata(_))
        && key.mistake().is_none()
}
