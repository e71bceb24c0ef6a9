//! The option on its way into a request body.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body::Frame;

use crate::exchange::asked::Asked;
use crate::provider::Upstream;
use crate::request::stream_options::Options;
use crate::routing::model::Edit;
use crate::usage::Format;

/// Goes before the brace that closes the body's object, when all its keys are known.
const OPTION: &[u8] = br#","stream_options":{"include_usage":true}"#;
const PADDING: &[u8] = &[b' '; OPTION.len()];

/// The first version of Azure's API that takes the option.
const FIRST_AZURE: &str = "2024-09";

/// Where the option can stand in a body as the client sent it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    /// The brace that closes the body's object, where that has no such options.
    pub(crate) brace: Option<u64>,
    /// The brace that opens the client's own options.
    pub(crate) options: Option<u64>,
}

/// Puts the option into one body as that passes.
///
/// Nothing is held back until it is known whether the option is wanted. So a length that was
/// announced is announced with room for it, which is filled with blanks where it is not.
#[derive(Debug)]
pub(crate) struct Splice {
    /// How many of the bytes that were announced are not there yet.
    owed: usize,
    pads: bool,
    /// Of the next byte, in the body as it is without what is added here.
    offset: u64,
    /// From where on the client's own body has its places elsewhere, and by how much.
    shift: (u64, i64),
    /// The client's own options, as far as they have passed.
    options: Option<Box<Options>>,
    /// Nothing more is added but blanks.
    is_settled: bool,
    ahead: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    has_ended: bool,
    upstream: Option<Arc<Upstream>>,
    asked: Option<Asked>,
}

impl Splice {
    /// Whether a request may be one for a stream of chat completions that knows the option.
    pub(crate) fn suits(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
        let content_type = headers.get(header::CONTENT_TYPE);
        *method == Method::POST
            && uri.path().ends_with("/completions")
            && !headers.contains_key(header::CONTENT_ENCODING)
            && (content_type.is_none() || Format::of(content_type) == Some(Format::Json))
            && !is_old_azure(uri)
    }

    /// `edit`: what has been changed in the body in front of what is still to come.
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
            asked: None,
        }
    }

    /// Whom it is for, and who is told of its place.
    pub(crate) fn to(mut self, upstream: Arc<Upstream>, asked: Option<Asked>) -> Self {
        (self.upstream, self.asked) = (Some(upstream), asked);
        self
    }

    /// What goes out before the client's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        let data = self.ahead.pop_front().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    /// A frame of the client's. `places`: where the option can stand, as far as that is known.
    /// `model`: what the body names.
    ///
    /// Gives whether the option went in.
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
        if let Some(asked) = &self.asked {
            let start = start + at as u64;
            asked.put(start..start + option.len() as u64);
        }
        true
    }

    /// Where in these bytes which text is to stand; an empty one where nothing is missing.
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

    /// Where a place of the client's body is in the body that passes here.
    fn here(&self, place: u64) -> u64 {
        let (from, growth) = self.shift;
        if place < from { place } else { place.saturating_add_signed(growth) }
    }

    /// The client's body has ended, maybe with trailers: what goes out in their place.
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

    /// Nothing is left to be asked of the client.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many bytes are still to be added.
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

/// Azure refuses what its version of the API does not know.
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
    fn only_paths_that_know_the_option_are_asked() {
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

    /// What goes out for a body in frames of this size.
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
    fn places_are_found_on_both_sides_of_a_change() {
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
