//! Labels of identities in metrics.

use std::fmt::Write;

use metrics::{Label, SharedString};

use super::known::{Id, Known, OTHER};
use super::names::label;
use crate::util::identity::Identity;

/// The maximum number of different sets of label names. The host's code chooses the names.
const MAX_NAMES: usize = 16;
/// The maximum number of bytes of all names and values of one identity.
const LONGEST: usize = 2048;

/// Known sets of labels, each with an id.
#[derive(Debug)]
pub(super) struct Identities {
    names: Known,
    values: Known,
}

/// The ids of an exchange's identity labels: their names and their values.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct IdentityKey {
    names: Id,
    values: Id,
}

impl Identities {
    pub(super) fn new(most: usize) -> Self {
        Self { names: Known::new(MAX_NAMES), values: Known::new(most) }
    }

    pub(super) fn set_most(&mut self, most: usize) {
        self.values.set_most(most);
    }

    pub(super) fn key(&self, identity: Option<&Identity>) -> IdentityKey {
        let (mut names, mut values) = (String::new(), String::new());
        for (name, value) in identity.into_iter().flat_map(Identity::metric_labels) {
            // The length prevents a value from posing as further labels.
            let written = write!(names, "{name} ").and_then(|()| {
                let length = value.len();
                writeln!(values, "{name}={length}:{value}")
            });
            debug_assert!(written.is_ok());
        }
        let id = |known: &Known, text: &str| {
            let text = Some(text).filter(|text| !text.is_empty());
            known.id_or(text, |text| known.learn_within(text, LONGEST))
        };
        IdentityKey { names: id(&self.names, &names), values: id(&self.values, &values) }
    }
}

impl IdentityKey {
    /// The key if there is no room for more series.
    pub(super) fn folded(self) -> Self {
        Self { values: self.values.folded(), ..self }
    }

    pub(super) fn labels(self, identity: Option<&Identity>) -> impl Iterator<Item = Label> {
        let identity = identity.filter(|_| self.names != Id::OTHER);
        identity.into_iter().flat_map(Identity::metric_labels).map(move |(name, value)| {
            let value = if self.values == Id::OTHER { OTHER } else { value };
            let name = format!("{}{name}", label::IDENTITY);
            Label::new(SharedString::from(name), SharedString::from(value.to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(plan: &str) -> Identity {
        let identity = Identity::builder("user-17").label("session", "s");
        identity.metric_label("plan", plan).build().unwrap()
    }

    fn labels(known: &Identities, identity: &Identity) -> Vec<(String, String)> {
        let labels = known.key(Some(identity)).labels(Some(identity));
        labels.map(|label| (label.key().to_owned(), label.value().to_owned())).collect()
    }

    #[test]
    fn only_metric_labels_become_labels_up_to_a_limit() {
        let known = Identities::new(2);
        let plan = |value: &str| vec![("ai_gateway.identity.label.plan".into(), value.into())];
        for (own, seen) in [("a", "a"), ("b", "b"), ("c", "other"), ("a", "a"), ("d", "other")] {
            assert_eq!(labels(&known, &paid(own)), plan(seen));
        }
        assert!(known.key(Some(&paid("c"))) == known.key(Some(&paid("d"))));
        assert!(labels(&known, &Identity::new("user-18").unwrap()).is_empty());
        assert!(known.key(None) == known.key(Some(&Identity::new("user-18").unwrap())));
    }

    #[test]
    fn values_cannot_pose_as_labels() {
        let known = Identities::new(10);
        let two = |a: &str, b: &str| {
            Identity::builder("u").metric_label("a", a).metric_label("b", b).build().unwrap()
        };
        let (one, other) = (two("1\nb=1:2", "3"), two("1", "2\nb=1:3"));
        assert!(known.key(Some(&one)) != known.key(Some(&other)));
        let key = two("1", "sk-abcdef012345");
        assert!(
            labels(&known, &key).iter().all(|(_, value)| value == "other"),
            "keys are no labels"
        );
    }
}
