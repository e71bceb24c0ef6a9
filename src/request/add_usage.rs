//! Adds the option that asks for usage to a passing request body.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body::Frame;

use crate::exchange::usage_option::AddedOption;
use crate::provider::Upstream;
use crate::request::stream_options::Options;
use crate::routing::model::Edit;
use crate::usage::Format;

/// Inserted before the closing brace of the body's object, once all its keys are known.
const OPTION: &[u8] = br#","stream_options":{"include_usage":true}"#;
const PADDING: &[u8] = &[b' '; OPTION.len()];

/// The first version of Azure's API that accepts the option.
const FIRST_AZURE: &str = "2024-09";

/// Where the option can be inserted, in the client's original body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    /// The closing brace of the body's object, if it has no `stream_options`.
    pub(crate) brace: Option<u64>,
    /// The opening brace of the client's own `stream_options`.
    pub(crate) options: Option<u64>,
}

/// Inserts the option into a passing body.
///
/// Nothing is held back until we know whether to insert it. So an announced length is increased by
/// the option's length, and if the option is not inserted, the difference is filled with spaces.
#[derive(Debug)]
pub(crate) struct Splice {
    /// How many announced bytes have not been added yet.
    owed: usize,
    pads: bool,
    /// The position of the next byte, in the body without what is added here.
    offset: u64,
    /// The position in the client's body from which an earlier edit shifts places, and by how much.
    shift: (u64, i64),
    /// The client's own `stream_options`, as far as they have passed.
    options: Option<Box<Options>>,
    /// Only spaces may still be added.
    is_settled: bool,
    ahead: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    has_ended: bool,
    upstream: Option<Arc<Upstream>>,
    added: Option<AddedOption>,
}

impl Splice {
    /// Returns true if a request may be a streamed chat completion at a provider that knows the
    /// option.
    pub(crate) fn suits(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
        let content_type = headers.get(header::CONTENT_TYPE);
        *method == Method::POST
            && uri.path().ends_with("/completions")
            && !headers.contains_key(header::CONTENT_ENCODING)
            && (content_type.is_none() || Format::of(content_type) == Some(Format::Json))
            && !is_old_azure(uri)
    }

    /// `edit` is an earlier edit of the body, in front of what follows.
    pub(crate) fn new(headers: &mut HeaderMap, edit: Option<&Edit>) -> Self {
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length = length.and_then(|length| length.checked_add(OPTION.len() as u64));
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Self {
            owed: OPTION.len(),
            pads: length.is_some(),
            offset: 0,
            shift: edit.map_or((0, 0), |edit| (edit.cut.end, edit.growth())),
            options: None,
            is_settled: false,
            ahead: VecDeque::new(),
            trailers: None,
            has_ended: false,
            upstream: None,
            added: None,
        }
    }

    /// Sets the provider, and what to notify of the position of the option.
    pub(crate) fn to(mut self, upstream: Arc<Upstream>, added: Option<AddedOption>) -> Self {
        (self.upstream, self.added) = (Some(upstream), added);
        self
    }

    /// What to send before the client's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        let data = self.ahead.pop_front().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    /// Takes a frame of the client's. `places` are the known places for the option, `model` is the
    /// body's.
    ///
    /// Returns true if the option was inserted.
    pub(crate) fn data(&mut self, data: &mut Bytes, places: Places, model: Option<&str>) -> bool {
        let start = self.offset;
        self.offset = start.saturating_add(data.len() as u64);
        if self.is_settled {
            return false;
        }
        let Some((at, option)) = self.place(data, start, places) else { return false };
        self.is_settled = true;
        let is_refused =
            || self.upstream.as_ref().is_some_and(|to| to.usage_option().is_refused(model));
        if option.is_empty() || is_refused() {
            return false;
        }
        let rest = data.split_off(at);
        self.ahead.extend([Bytes::from_static(option), rest]);
        self.owed -= option.len();
        if let Some(added) = &self.added {
            let start = start + at as u64;
            added.set_place(start..start + option.len() as u64);
        }
        true
    }

    /// Where in these bytes to insert which text; the text is empty if nothing is missing.
    fn place(&mut self, data: &[u8], start: u64, places: Places) -> Option<(usize, &'static [u8])> {
        let here = |place: Option<u64>| {
            let at = self.here(place?).checked_sub(start)?;
            usize::try_from(at).ok().filter(|at| *at < data.len())
        };
        let (brace, opening) = (here(places.brace), here(places.options));
        let options = match (&mut self.options, opening) {
            (Some(options), _) => Some((options, 0)),
            (none @ None, Some(opening)) => Some((none.insert(Box::default()), opening)),
            (None, None) => None,
        };
        match options {
            Some((options, from)) => {
                options.push(&data[from..]).map(|(end, text)| (from + end, text))
            }
            None => brace.map(|at| (at, OPTION)),
        }
    }

    /// Converts a position in the client's body to one in the passing body.
    fn here(&self, place: u64) -> u64 {
        let (from, growth) = self.shift;
        if place < from { place } else { place.saturating_add_signed(growth) }
    }

    /// Ends the client's body, perhaps with trailers. Returns what to send instead.
    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        self.trailers = trailers;
        self.has_ended = true;
        self.is_settled = true;
        if self.pads && self.owed > 0 {
            let blanks = PADDING.get(..self.owed).unwrap_or(PADDING);
            self.owed = 0;
            return Some(Frame::data(Bytes::from_static(blanks)));
        }
        self.ahead()
    }

    /// Returns true if the client's body has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many bytes will still be added.
    pub(crate) fn left(&self) -> u64 {
        let owed = if self.pads { self.owed } else { 0 };
        (owed + self.ahead.iter().map(Bytes::len).sum::<usize>()) as u64
    }

    /// How many bytes may still be added.
    pub(crate) fn most(&self) -> u64 {
        let may_come = if self.pads || self.is_settled { 0 } else { OPTION.len() };
        self.left() + may_come as u64
    }
}

/// Azure refuses options that its API version does not know.
fn is_old_azure(uri: &Uri) -> bool {
    let parameters = uri.query().into_iter().flat_map(|query| query.split('&'));
    let mut versions = parameters.filter_map(|parameter| parameter.strip_prefix("api-version="));
    let is_date = |version: &str| version.starts_with("20");
    versions.next().is_some_and(|version| is_date(version) && version < FIRST_AZURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_know_the_option_get_it() {
        for (path, expected) in [
            ("/v1/chat/completions", true),
            ("/v1/completions", true),
            ("/v1beta/openai/chat/completions", true),
            ("/openai/deployments/d/chat/completions?api-version=2024-10-21", true),
            ("/openai/deployments/d/chat/completions?a=b&api-version=2024-09-01-preview", true),
            ("/openai/deployments/d/chat/completions?api-version=2024-08-01-preview", false),
            ("/openai/deployments/d/chat/completions?api-version=2023-05-15", false),
            ("/openai/v1/chat/completions?api-version=preview", true),
            ("/v2/chat", false),
            ("/v1/messages", false),
            ("/v1/responses", false),
            ("/v1/complete", false),
            ("/v1/chat/completions/c1", false),
        ] {
            let uri = path.parse().unwrap();
            let suits = Splice::suits(&Method::POST, &uri, &HeaderMap::new());
            assert_eq!(suits, expected, "{path}");
        }
    }

    /// The output for a body in frames of this size.
    fn spliced(body: &str, size: usize, places: Places, edit: Option<&Edit>) -> String {
        let mut splice = Splice::new(&mut HeaderMap::new(), edit);
        let mut out = Vec::new();
        for part in body.as_bytes().chunks(size) {
            let mut data = Bytes::copy_from_slice(part);
            splice.data(&mut data, places, None);
            out.extend_from_slice(&data);
            while let Some(frame) = splice.ahead() {
                out.extend_from_slice(frame.data_ref().unwrap());
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_option_is_inserted_before_and_after_an_edit() {
        // The client's body had `grok/m` and `a`.
        let cut = |body: &str| {
            let at = body.find("\"grok/").unwrap() as u64 + 1;
            Edit { cut: at..at + 5, insert: Bytes::new() }
        };
        for (body, mark, expected) in [
            (
                r#"{"stream_options":{"a":1},"model":"grok/m"}"#,
                "{\"a\"",
                r#"{"stream_options":{"a":1,"include_usage":true},"model":"m"}"#,
            ),
            (
                r#"{"model":"grok/m","stream_options":{"a":1}}"#,
                "{\"a\"",
                r#"{"model":"m","stream_options":{"a":1,"include_usage":true}}"#,
            ),
        ] {
            let edit = cut(body);
            let places = Places { brace: None, options: Some(body.find(mark).unwrap() as u64) };
            for size in [1, 3, 100] {
                let sent = body.replace("grok/", "");
                assert_eq!(spliced(&sent, size, places, Some(&edit)), expected);
            }
        }
        let body = r#"{"model":"grok/m"}"#;
        let places = Places { brace: Some(body.len() as u64 - 1), options: None };
        let expected = format!(r#"{{"model":"m"{}}}"#, str::from_utf8(OPTION).unwrap());
        assert_eq!(spliced(r#"{"model":"m"}"#, 2, places, Some(&cut(body))), expected);
    }
}
