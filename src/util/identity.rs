//! The identity of a caller, as determined by the host: a subject, its groups and labels.

mod error;

use std::fmt;
use std::sync::Arc;

pub use self::error::IdentityError;
use crate::util::macros::setters;
use crate::util::redact::shown;

/// The maximum number of groups.
const MOST_GROUPS: usize = 16;
/// The maximum number of labels.
const MOST_LABELS: usize = 8;
/// The maximum length of a subject, group or label value, in bytes.
const LONGEST: usize = 256;
/// The maximum length of a label's name, in bytes.
const LONGEST_NAME: usize = 64;

/// The identity of a caller, as determined by the host.
///
/// The host's own middleware inserts it into the extensions of the request, above the gateway. The
/// gateway reads it once per request. It is then available as
/// [`GatewayContext::identity`](crate::GatewayContext::identity), in every event, and in the
/// queries of settings and key sources. No header can set, change or remove it: clients make their
/// own claims in `cf-aig-metadata`, and the two are never mixed.
///
/// Put names in it, not secrets: logs, spans and key sources see all of it. Metrics get only the
/// labels added with [`metric_label`](IdentityBuilder::metric_label). Clones are shared.
///
/// ```
/// use http::Request;
/// use tower_ai_gateway::identity::IdentityError;
/// use tower_ai_gateway::Identity;
///
/// /// What the host's middleware does once it knows the caller.
/// fn identify<B>(request: &mut Request<B>) -> Result<(), IdentityError> {
///     let identity = Identity::builder("user-17")
///         .group("support")
///         .metric_label("plan", "paid") // a few values, and no secret
///         .label("session", "b3f1")
///         .build()?;
///     request.extensions_mut().insert(identity);
///     Ok(())
/// }
/// # let mut request = Request::new(());
/// # identify(&mut request)?;
/// # assert_eq!(request.extensions().get::<Identity>().unwrap().label("plan"), Some("paid"));
/// # Ok::<(), IdentityError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity(Arc<Inner>);

#[derive(PartialEq, Eq, Hash)]
struct Inner {
    subject: Box<str>,
    /// Sorted, without duplicates.
    groups: Box<[Box<str>]>,
    /// Sorted by name.
    labels: Box<[Label]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label {
    name: Box<str>,
    value: Box<str>,
    is_for_metrics: bool,
}

/// Builds an [`Identity`].
///
/// ```
/// use tower_ai_gateway::Identity;
///
/// let identity = Identity::builder("alice@example.com").group("research").label("team", "blue").build()?;
/// assert!(identity.is_in("research"));
/// assert_eq!(identity.label("team"), Some("blue"));
/// # Ok::<(), tower_ai_gateway::identity::IdentityError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct IdentityBuilder {
    subject: String,
    groups: Vec<String>,
    labels: Vec<(String, String, bool)>,
}

impl Identity {
    /// A subject without groups and labels.
    ///
    /// # Errors
    ///
    /// If the subject is empty or longer than 256 bytes.
    pub fn new(subject: impl Into<String>) -> Result<Self, IdentityError> {
        Self::builder(subject).build()
    }

    /// Starts an identity with its subject: the calling user, tenant or service.
    pub fn builder(subject: impl Into<String>) -> IdentityBuilder {
        IdentityBuilder { subject: subject.into(), groups: Vec::new(), labels: Vec::new() }
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The groups of the subject, in alphabetical order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.groups.iter().map(|group| &**group)
    }

    /// Returns true if the subject is in this group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.0.groups.iter().any(|own| **own == *group)
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All labels, sorted by name.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.labels.iter().map(|label| (&*label.name, &*label.value))
    }

    /// The labels for metrics, sorted by name.
    pub fn metric_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.0.labels.iter().filter(|label| label.is_for_metrics);
        labels.map(|label| (&*label.name, &*label.value))
    }
}

setters! { impl IdentityBuilder {
    /// Adds a group that the subject is in. An identity has at most 16.
    pub fn group(self, group: impl Into<String>) => self.groups.push(group.into());

    /// Adds several groups.
    pub fn groups<G: Into<String>>(self, groups: impl IntoIterator<Item = G>) =>
        self.groups.extend(groups.into_iter().map(Into::into));

    /// Adds a label for logs, spans, settings, key sources and conditions of dynamic routes. An
    /// identity has at most 8 labels with different names of 1 to 64 of `A-Z a-z 0-9 _`, which
    /// every exporter can write.
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) =>
        self.labels.push((name.into(), value.into(), false));

    /// Adds a label that metrics get too. It should have few values and not identify a person.
    pub fn metric_label(self, name: impl Into<String>, value: impl Into<String>) =>
        self.labels.push((name.into(), value.into(), true));
}}

impl IdentityBuilder {
    /// Checks and builds the identity. Nothing is cut or dropped.
    ///
    /// # Errors
    ///
    /// If there are more than 16 groups or 8 labels, a label name is malformed or given twice, or a
    /// text is empty or longer than 256 bytes.
    pub fn build(self) -> Result<Identity, IdentityError> {
        let Self { subject, mut groups, labels } = self;
        check(&subject, "subject")?;
        groups.sort_unstable();
        groups.dedup();
        if groups.len() > MOST_GROUPS {
            return Err(IdentityError::TooManyGroups { most: MOST_GROUPS });
        }
        groups.iter().try_for_each(|group| check(group, "group"))?;
        if labels.len() > MOST_LABELS {
            return Err(IdentityError::TooManyLabels { most: MOST_LABELS });
        }
        let mut checked = Vec::with_capacity(labels.len());
        for (name, value, is_for_metrics) in labels {
            if !is_name(&name) {
                return Err(IdentityError::LabelName { longest: LONGEST_NAME });
            }
            check(&value, "label")?;
            checked.push(Label { name: name.into(), value: value.into(), is_for_metrics });
        }
        checked.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(twice) = checked.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(IdentityError::RepeatedLabel { name: twice[0].name.clone() });
        }
        Ok(Identity(Arc::new(Inner {
            subject: subject.into(),
            groups: groups.into_iter().map(Box::from).collect(),
            labels: checked.into(),
        })))
    }
}

fn check(text: &str, what: &'static str) -> Result<(), IdentityError> {
    match text.len() {
        0 => Err(IdentityError::Empty { what }),
        1..=LONGEST => Ok(()),
        _ => Err(IdentityError::TooLong { what, longest: LONGEST }),
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_letter)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels().map(|(name, value)| (name, shown(value)));
        f.debug_struct("Identity")
            .field("subject", &shown(self.subject()))
            .field("groups", &self.groups().map(shown).collect::<Vec<_>>())
            .field("labels", &labels.collect::<Vec<_>>())
            .finish()
    }
}

impl fmt::Debug for IdentityBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityBuilder")
            .field("subject", &shown(&self.subject))
            .field("groups", &self.groups.len())
            .field("labels", &self.labels.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
