//! Why an identity is invalid.

/// Why an [`Identity`](super::Identity) cannot be built.
///
/// ```
/// use tower_ai_gateway::Identity;
/// use tower_ai_gateway::identity::IdentityError;
///
/// let error = Identity::new("").unwrap_err();
/// assert_eq!(error, IdentityError::Empty { what: "subject" });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A subject, a group or the value of a label is empty.
    #[error("a {what} of the identity is empty")]
    Empty {
        /// Which of them: `subject`, `group` or `label`.
        what: &'static str,
    },
    /// A subject, a group or the value of a label is too long.
    #[error("a {what} of the identity is longer than {longest} bytes")]
    TooLong {
        /// Which of them: `subject`, `group` or `label`.
        what: &'static str,
        /// The maximum length in bytes.
        longest: usize,
    },
    /// There are too many groups.
    #[error("the identity has more than {most} groups")]
    TooManyGroups {
        /// The maximum number of groups.
        most: usize,
    },
    /// There are too many labels.
    #[error("the identity has more than {most} labels")]
    TooManyLabels {
        /// The maximum number of labels.
        most: usize,
    },
    /// The name of a label is empty, too long, or has other characters than `A-Z a-z 0-9 _`.
    #[error("a label name of the identity is not 1 to {longest} of `A-Z a-z 0-9 _`")]
    LabelName {
        /// The maximum length in bytes.
        longest: usize,
    },
    /// Two labels have the same name.
    #[error("the identity has the label `{name}` twice")]
    RepeatedLabel {
        /// The name.
        name: Box<str>,
    },
}
