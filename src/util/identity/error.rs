//! Why something is no identity.

use std::error::Error;
use std::fmt;

/// Why an [`Identity`](super::Identity) cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// A subject, a group or the value of a label is empty.
    Empty {
        /// Which of them: `subject`, `group` or `label`.
        what: &'static str,
    },
    /// A subject, a group or the value of a label is too long.
    TooLong {
        /// Which of them: `subject`, `group` or `label`.
        what: &'static str,
        /// How many bytes it may have.
        longest: usize,
    },
    /// There are too many groups.
    TooManyGroups {
        /// How many there may be.
        most: usize,
    },
    /// There are too many labels.
    TooManyLabels {
        /// How many there may be.
        most: usize,
    },
    /// The name of a label is empty, too long, or has other characters than `A-Z a-z 0-9 _`.
    LabelName {
        /// How many bytes it may have.
        longest: usize,
    },
    /// Two labels have the same name.
    RepeatedLabel {
        /// The name.
        name: Box<str>,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { what } => write!(f, "a {what} of the identity is empty"),
            Self::TooLong { what, longest } => {
                write!(f, "a {what} of the identity is longer than {longest} bytes")
            }
            Self::TooManyGroups { most } => {
                write!(f, "the identity has more than {most} groups")
            }
            Self::TooManyLabels { most } => {
                write!(f, "the identity has more than {most} labels")
            }
            Self::LabelName { longest } => write!(
                f,
                "the name of a label of the identity is not 1 to {longest} of `A-Z a-z 0-9 _`"
            ),
            Self::RepeatedLabel { name } => {
                write!(f, "the identity has the label `{name}` twice")
            }
        }
    }
}

impl Error for IdentityError {}
