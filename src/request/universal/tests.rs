//! The entries of universal requests.

mod directives;
mod entries;
mod properties;
mod refusals;

use http::StatusCode;

use super::*;
use crate::request::universal::error::unfit_entry;

const SECRET: &str = "LEAK";

fn read(body: &str) -> Result<Vec<Entry>, EntryError> {
    parse(&Bytes::copy_from_slice(body.as_bytes()), &Locks::none())
}

/// What the client is told about a malformed body.
fn refused(body: &str) -> (String, Option<String>) {
    let error = read(body).unwrap_err();
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    let rejection = unfit_entry(&error);
    assert_eq!(rejection.code.status(), StatusCode::BAD_REQUEST);
    assert_eq!(rejection.code.number(), 2400);
    assert!(!rejection.message.contains(SECRET), "{}", rejection.message);
    (rejection.message.into_owned(), rejection.param.map(Into::into))
}

/// A body with one valid entry and these additional members.
fn with(members: &str) -> String {
    format!(r#"[{{"provider":"grok","endpoint":"chat/completions",{members}}}]"#)
}
