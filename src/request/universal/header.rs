//! The `headers` of an entry: those for the provider, and those for the gateway.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::error::{Member, Wrong};
use crate::directives::locks::Locks;
use crate::directives::{self, Directives};
use crate::json::{cursor, string};
use crate::provider::headers;
use crate::provider::headers::EntryHeader;

/// The maximum number of headers of an entry, as HTTP/1 servers accept.
const MOST: usize = 100;

#[derive(Default)]
pub(super) struct Headers {
    pub(super) to_provider: Vec<(HeaderName, HeaderValue)>,
    pub(super) directives: Option<Box<Directives>>,
}

/// Reads a value that a cursor has validated.
pub(super) fn read(json: &[u8], locks: &Locks) -> Result<Headers, Wrong> {
    const MUST_BE: &str = "an object of at most 100 strings, their keys the names of HTTP headers";
    const { assert!(MOST == 100, "the text says so") };
    let members = cursor::members(json).ok_or((Member::Headers, MUST_BE))?;
    let mut to_provider = Vec::new();
    let mut to_gateway = HeaderMap::new();
    let mut seen = Vec::new();
    for (key, value) in members {
        // An invalid name may be a key in the wrong place: do not repeat it.
        let name = string::decode(key).and_then(|name| HeaderName::try_from(name).ok());
        let name = name.filter(|_| seen.len() < MOST).ok_or((Member::Headers, MUST_BE))?;
        let wrong = |must_be| (Member::Header(name.clone()), must_be);
        if directives::is_locked(&name, locks) {
            // Its value does not matter, nor how often it is given.
            seen.push(name.clone());
            to_gateway.insert(name, HeaderValue::from_static(""));
            continue;
        }
        if seen.contains(&name) {
            return Err(wrong(super::GIVEN_ONCE).into());
        }
        seen.push(name.clone());
        let text = cursor::text(value).ok_or_else(|| wrong("a string"))?;
        let value = HeaderValue::try_from(text.trim_matches([' ', '\t']));
        let mut value =
            value.map_err(|_| wrong("a string without line breaks or control characters"))?;
        let disposition = headers::entry_header(&name, &value);
        value.set_sensitive(disposition != EntryHeader::ToProvider);
        match disposition {
            EntryHeader::ToProvider | EntryHeader::Credential => to_provider.push((name, value)),
            EntryHeader::Directive => {
                to_gateway.insert(name, value);
            }
            EntryHeader::Dropped => {}
        }
    }
    let directives = directives::parse(&to_gateway, locks)?;
    Ok(Headers { to_provider, directives })
}
