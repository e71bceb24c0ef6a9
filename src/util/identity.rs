//! Who is calling, as the host has found out: a subject, its groups and labels.

mod error;

use std::fmt;
use std::sync::Arc;

pub use self::error::IdentityError;
use crate::util::macros::setters;
use crate::util::redact::shown;

/// The most groups of one identity.
const MOST_GROUPS: usize = 16;
/// The most labels of one identity.
const MOST_LABELS: usize = 8;
/// The longest subject, group or value of a label, in bytes.
const LONGEST: usize = 256;
/// The longest name of a label, in bytes.
const LONGEST_NAME: usize = 64;

/// Who is calling, as the host has found out.
///
/// The host's own middleware inserts it into the extensions of the request, in front of the
/// gateway. It is read once, when a request is admitted; from there on it is
/// [`GatewayContext::identity`](crate::GatewayContext::identity), in every event, and in what
/// settings and key sources are asked by. No header sets, changes or removes it: clients have
/// `cf-aig-metadata` for what they claim, and the two are never mixed.
///
/// It is for names and not for secrets: logs, spans and key sources see the whole of it. Metrics
/// get the labels that were added by [`metric_label`](IdentityBuilder::metric_label) and nothing
/// else. A clone shares it.
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
    /// In order, each once.
    groups: Box<[Box<str>]>,
    /// In the order of their names.
    labels: Box<[Label]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label {
    name: Box<str>,
    value: Box<str>,
    is_for_metrics: bool,
}

/// Makes an [`Identity`].
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
#[must_use = "it is no identity until it is built"]
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
    /// The subject is empty or longer than 256 bytes.
    pub fn new(subject: impl Into<String>) -> Result<Self, IdentityError> {
        Self::builder(subject).build()
    }

    /// Begins an identity with its subject: the user, tenant or service that is calling.
    pub fn builder(subject: impl Into<String>) -> IdentityBuilder {
        IdentityBuilder { subject: subject.into(), groups: Vec::new(), labels: Vec::new() }
    }

    /// Who is calling.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The groups of the subject, in alphabetical order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.groups.iter().map(|group| &**group)
    }

    /// Whether the subject is in this group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.0.groups.iter().any(|own| **own == *group)
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All labels, by name.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.labels.iter().map(|label| (&*label.name, &*label.value))
    }

    /// The labels that may be labels of metrics, by name.
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

    /// Adds a label, for logs, spans, settings, key sources and conditions of dynamic routes. An
    /// identity has at most 8, each with a name of its own: 1 to 64 of
    /// `A-Z a-z 0-9 _`, which every exporter writes alike.
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) =>
        self.labels.push((name.into(), value.into(), false));

    /// Adds a label that metrics may have, too: one with few values, none of which tells a person.
    pub fn metric_label(self, name: impl Into<String>, value: impl Into<String>) =>
        self.labels.push((name.into(), value.into(), true));
}}

impl IdentityBuilder {
    /// Checks it. Nothing is cut or left out.
    ///
    /// # Errors
    ///
    /// There are more than 16 groups or 8 labels, a name of a label has another form or is there
    /// twice, or a text is empty or longer than 256 bytes.
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
