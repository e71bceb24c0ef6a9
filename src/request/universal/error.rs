//! What is wrong with the body of a universal request.

use std::fmt;

use http::HeaderName;

use super::MOST_ENTRIES;
use crate::directives::{Fault, Unfit};
use crate::rejection::{Code, Rejection};

/// Where a body is wrong, and why. Never contains a value from the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryError {
    /// The entry's index in the array, from 0; `None` if the array itself is wrong.
    pub(crate) entry: Option<usize>,
    pub(crate) member: Member,
    pub(crate) fault: Fault,
}

/// What is wrong in an entry, before its index is known.
pub(super) struct Wrong {
    member: Member,
    fault: Fault,
}

impl From<(Member, &'static str)> for Wrong {
    fn from((member, must_be): (Member, &'static str)) -> Self {
        Self { member, fault: Fault::MustBe(must_be.into()) }
    }
}

impl From<(Member, Fault)> for Wrong {
    fn from((member, fault): (Member, Fault)) -> Self {
        Self { member, fault }
    }
}

impl From<Unfit> for Wrong {
    fn from(header: Unfit) -> Self {
        Self { member: Member::Header(header.name), fault: header.fault }
    }
}

/// A part of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// The whole entry.
    Whole,
    Provider,
    Endpoint,
    Headers,
    Header(HeaderName),
    Query,
    Model,
    Config,
    /// A key of `config`.
    Setting(&'static str),
}

impl EntryError {
    pub(super) fn of_body(must_be: &'static str) -> Self {
        Self { entry: None, member: Member::Whole, fault: Fault::MustBe(must_be.into()) }
    }

    pub(super) fn not_json() -> Self {
        Self::of_body("well-formed JSON, its values nested 128 deep at most")
    }

    pub(super) fn not_entries() -> Self {
        const { assert!(MOST_ENTRIES == 16, "the text says so") };
        Self::of_body("a JSON array of 1 to 16 entries, or one entry")
    }

    pub(super) fn of(entry: usize, wrong: impl Into<Wrong>) -> Self {
        let Wrong { member, fault } = wrong.into();
        Self { entry: Some(entry), member, fault }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Provider => f.write_str("provider"),
            Self::Endpoint => f.write_str("endpoint"),
            Self::Headers => f.write_str("headers"),
            // A header name can be too long for a message. It is ASCII.
            Self::Header(name) => {
                let name = name.as_str();
                write!(f, "headers.{}", name.get(..64).unwrap_or(name))
            }
            Self::Query => f.write_str("query"),
            Self::Model => f.write_str("query.model"),
            Self::Config => f.write_str("config"),
            Self::Setting(key) => write!(f, "config.{key}"),
        }
    }
}

/// The answer to a universal request whose body is invalid or asks for something locked.
pub(crate) fn unfit_entry(error: &EntryError) -> Rejection {
    let EntryError { entry, member, fault } = error;
    let what = match (entry, member) {
        (None, _) => "The request body".to_owned(),
        (Some(entry), Member::Whole) => {
            format!("Entry {entry} of the request body, counted from 0,")
        }
        (Some(entry), member) => {
            format!("`{member}` of entry {entry} of the request body, counted from 0,")
        }
    };
    let (code, message) = match fault {
        Fault::MustBe(must_be) => (Code::Malformed, format!("{what} must be {must_be}.")),
        Fault::Locked => {
            let message =
                format!("{what} may not be set by clients of this gateway: leave it out.");
            (Code::Forbidden, message)
        }
    };
    let rejection = Rejection::of_request(code, message);
    match (entry, member) {
        (None, _) => rejection,
        (Some(entry), Member::Whole) => rejection.param(format!("[{entry}]")),
        (Some(entry), member) => rejection.param(format!("[{entry}].{member}")),
    }
}
