//! The body of a universal request: entries that are tried in order until one answers.
//!
//! `[{"provider":"grok","endpoint":"v1/chat/completions","headers":{…},"query":{…},"config":{…}},
//! …]`, or a single such object. Everything is checked before the first entry is tried. `query`
//! becomes the provider's body, cut out of the request's body byte for byte.

mod config;
mod error;
mod header;
mod steps;

use std::fmt;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};

use self::error::Wrong;
pub(crate) use self::error::{EntryError, Member};
pub(crate) use self::steps::first_entry;
use crate::directives::Directives;
use crate::directives::locks::Locks;
use crate::json::cursor::{self, Cursor};
use crate::json::object::{ModelString, ObjectScanner, ScanError};
use crate::json::string;
use crate::provider::join;

/// The maximum number of entries of a request.
const MOST_ENTRIES: usize = 16;

const GIVEN_ONCE: &str = "given once";

/// An entry of a universal request.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The provider's slug as the client wrote it, not looked up yet.
    pub(crate) provider: String,
    /// What follows the slug in a native path, with its query if there is one. Validated, and
    /// without leading slashes. The query may hold a key.
    pub(crate) endpoint: String,
    /// The headers for the provider, in order, each name once; credentials are sensitive.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The bytes of the provider's body; empty if the entry has no `query`.
    pub(crate) query: Bytes,
    /// The directives of its `config`.
    config: Directives,
    /// The top-level `model` of the query.
    pub(crate) model: Option<String>,
    /// The same, as written.
    written_model: Option<ModelString>,
    /// Whether the query asks for a stream.
    pub(crate) stream: bool,
    /// Its own `cf-aig-*` headers.
    directives: Option<Box<Directives>>,
}

impl Entry {
    /// The directives of this entry: its `config`, then its headers, then the request's.
    ///
    /// Event id and metadata are the request's unless the entry's headers set them.
    pub(crate) fn directives(&self, request: &Directives) -> Directives {
        let own = self.config.clone();
        match &self.directives {
            Some(headers) => own.or(headers).or(request),
            None => own.or(request),
        }
    }

    /// The endpoint without its query.
    pub(crate) fn endpoint_path(&self) -> &str {
        self.endpoint.split_once('?').map_or(&*self.endpoint, |(path, _)| path)
    }

    /// The query of the endpoint, if it has one.
    pub(crate) fn endpoint_query(&self) -> Option<&str> {
        self.endpoint.split_once('?').map(|(_, query)| query)
    }
}

/// Shows names, sizes and settings, but neither keys nor prompts.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Entry")
            .field("provider", &self.provider)
            .field("endpoint", &self.endpoint_path())
            .field("headers", &names)
            .field("query_bytes", &self.query.len())
            .field("config", &self.config)
            .field("model", &self.model)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// Parses the entries of a body, at least one. The caller has bounded the size of the body.
///
/// `query` may be left out for an endpoint without a body; if present, it must be an object.
/// Unknown members are ignored, and so are `headers` or a `config` of `null`. `locks` apply to
/// entries as to the request itself.
pub(crate) fn parse(body: &Bytes, locks: &Locks) -> Result<Vec<Entry>, EntryError> {
    let mut cursor = Cursor::new(body);
    let mut entries = Vec::new();
    if cursor.peek() == Some(b'{') {
        entries.push(entry(body, &mut cursor, 0, locks)?);
    } else if cursor.take(b'[') {
        while cursor.more(b']', entries.is_empty()).ok_or_else(EntryError::not_json)? {
            if entries.len() == MOST_ENTRIES {
                return Err(EntryError::not_entries());
            }
            entries.push(entry(body, &mut cursor, entries.len(), locks)?);
        }
    }
    if entries.is_empty() {
        return Err(EntryError::not_entries());
    }
    if cursor.is_at_end() { Ok(entries) } else { Err(EntryError::not_json()) }
}

/// The values of the known members, as written.
#[derive(Default)]
struct Values {
    provider: Option<Bytes>,
    endpoint: Option<Bytes>,
    headers: Option<Bytes>,
    query: Option<Bytes>,
    config: Option<Bytes>,
}

impl Values {
    fn place(&mut self, key: &[u8]) -> Option<(Member, &mut Option<Bytes>)> {
        [
            ("provider", Member::Provider, &mut self.provider),
            ("endpoint", Member::Endpoint, &mut self.endpoint),
            ("headers", Member::Headers, &mut self.headers),
            ("query", Member::Query, &mut self.query),
            ("config", Member::Config, &mut self.config),
        ]
        .into_iter()
        .find(|(name, ..)| string::reads(key, name))
        .map(|(_, member, place)| (member, place))
    }
}

fn entry(
    body: &Bytes,
    cursor: &mut Cursor<'_>,
    index: usize,
    locks: &Locks,
) -> Result<Entry, EntryError> {
    let wrong = |member, must_be| EntryError::of(index, (member, must_be));
    if !cursor.take(b'{') {
        let is_value = cursor.value().is_some();
        let not_an_object = || wrong(Member::Whole, "an object");
        return Err(if is_value { not_an_object() } else { EntryError::not_json() });
    }
    let mut values = Values::default();
    let mut first = true;
    while cursor.more(b'}', first).ok_or_else(EntryError::not_json)? {
        first = false;
        let key = cursor.key().ok_or_else(EntryError::not_json)?;
        let value = cursor.value().ok_or_else(EntryError::not_json)?;
        if let Some((member, place)) = values.place(key)
            && place.replace(body.slice_ref(value)).is_some()
        {
            return Err(wrong(member, GIVEN_ONCE));
        }
    }
    read(values, locks).map_err(|wrong| EntryError::of(index, wrong))
}

fn read(values: Values, locks: &Locks) -> Result<Entry, Wrong> {
    let provider = values.provider.as_deref().and_then(cursor::text);
    let provider = provider.ok_or((Member::Provider, "a string, the slug of a provider"))?;
    let endpoint = values.endpoint.as_deref().and_then(endpoint);
    let endpoint = endpoint.ok_or((
        Member::Endpoint,
        "a string, the path behind the provider's slug, as in `v1/chat/completions`; \
         dot segments and fragments are not relayed",
    ))?;
    let is_given = |value: &Bytes| value != &b"null"[..];
    let headers = values.headers.filter(is_given);
    let headers =
        headers.map(|headers| header::read(&headers, locks)).transpose()?.unwrap_or_default();
    let config = values.config.filter(is_given);
    let config = config.map(|config| config::read(&config, locks)).transpose()?.unwrap_or_default();
    let query = values.query.unwrap_or_default();
    let (written_model, stream) = if query.is_empty() { (None, false) } else { scan(&query)? };
    let model = written_model.as_ref().map(|model| string::decode(&model.raw));
    let model = model.map(|model| model.ok_or((Member::Model, "a string"))).transpose()?;
    let header::Headers { to_provider: headers, directives } = headers;
    Ok(Entry {
        provider,
        endpoint,
        headers,
        query,
        config,
        model,
        written_model,
        stream,
        directives,
    })
}

/// The text of an endpoint, if it can be joined to a base path.
fn endpoint(value: &[u8]) -> Option<String> {
    let text = cursor::text(value)?;
    let text = text.trim_start_matches('/');
    let whole = format!("/{text}");
    // A fragment would be cut off.
    let parsed = PathAndQuery::try_from(&*whole).ok().filter(|parsed| parsed.as_str() == whole)?;
    join::check(parsed.path()).ok().map(|()| text.to_owned())
}

/// The model of a query, and whether it asks for a stream.
fn scan(query: &[u8]) -> Result<(Option<ModelString>, bool), (Member, &'static str)> {
    let mut scanner = ObjectScanner::new();
    scanner.push(query).and_then(|()| scanner.finish()).map_err(|error| match error {
        ScanError::DuplicateModel => (Member::Model, GIVEN_ONCE),
        ScanError::ModelIsNotAString => (Member::Model, "a string"),
        ScanError::ModelTooLong => (Member::Model, "a string of at most 1024 bytes"),
        _ => (Member::Query, "an object, the provider's request body; leave it out to send none"),
    })?;
    Ok((scanner.model().cloned(), scanner.stream()))
}

#[cfg(test)]
mod tests;
