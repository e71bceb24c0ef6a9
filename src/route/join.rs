//! The join rule: base path and rest become one upstream path, byte for byte or not at all.

use bytes::Bytes;
use http::uri::PathAndQuery;

/// The path could leave the base path, in the eyes of some server, or is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathRefused;

/// How often a chain of servers might decode a path; once more than any is known to.
pub(super) const DECODINGS: usize = 3;

/// Refuses dot segments: plain, percent-encoded up to three times over, with `\` or encoded
/// separators around them, or with `;` parameters behind them.
///
/// They are refused, not resolved: the provider's server may not resolve them as we would.
pub(crate) fn check(path: &str) -> Result<(), PathRefused> {
    match memchr::memchr2(b'%', b'.', path.as_bytes()) {
        None => return Ok(()),
        Some(_) if !path.contains('%') => return no_dot_segment(path.as_bytes()),
        Some(_) => {}
    }
    let mut decoded = path.as_bytes().to_vec();
    for _ in 0..DECODINGS {
        no_dot_segment(&decoded)?;
        percent_decode(&mut decoded);
    }
    no_dot_segment(&decoded)
}

fn no_dot_segment(path: &[u8]) -> Result<(), PathRefused> {
    let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
    let is_dots = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b';').next();
        matches!(name, Some(b"." | b".."))
    };
    if segments.any(is_dots) { Err(PathRefused) } else { Ok(()) }
}

/// One round of lenient decoding, in place: what is not `%` and two hex digits stays.
pub(crate) fn percent_decode(path: &mut Vec<u8>) {
    let mut to = 0;
    let mut from = 0;
    while from < path.len() {
        let hex = |at: usize| char::from(*path.get(at)?).to_digit(16);
        if path[from] == b'%'
            && let (Some(high), Some(low)) = (hex(from + 1), hex(from + 2))
        {
            path[to] = (high << 4 | low) as u8;
            from += 3;
        } else {
            path[to] = path[from];
            from += 1;
        }
        to += 1;
    }
    path.truncate(to);
}

/// What stands before the rest: a path that begins with `/` and does not end with one, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    path: Box<str>,
    last_segment: Box<str>,
    dedupe: bool,
}

impl Base {
    /// With `dedupe`, a segment that ends the base and begins the rest is there once: the base
    /// `/v1` gives `/v1/chat` for `v1/chat` and for `chat`. Whole segments count, so `v1beta` stays.
    pub(crate) fn new(path: &str, dedupe: bool) -> Result<Self, PathRefused> {
        check(path)?;
        let path = path.trim_end_matches('/');
        let last_segment = path.rsplit('/').next().unwrap_or_default();
        Ok(Self { path: path.into(), last_segment: last_segment.into(), dedupe })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The base, `/`, `rest` without a slash before it, and the query as it came.
    ///
    /// `rest` must have passed [`check`].
    pub(crate) fn join(
        &self,
        rest: &str,
        query: Option<&str>,
    ) -> Result<PathAndQuery, PathRefused> {
        let rest = if self.dedupe {
            self.without_repeat(rest)
        } else {
            Some(rest).filter(|rest| !rest.is_empty())
        };
        let slash = rest.is_some() || self.path.is_empty();
        let rest = rest.unwrap_or_default();
        // Of exactly the right length: only then is it turned into `Bytes` without another allocation.
        let length = self.path.len()
            + usize::from(slash)
            + rest.len()
            + query.map_or(0, |query| query.len() + 1);
        let mut path = Vec::with_capacity(length);
        path.extend_from_slice(self.path.as_bytes());
        if slash {
            path.push(b'/');
        }
        path.extend_from_slice(rest.as_bytes());
        if let Some(query) = query {
            path.push(b'?');
            path.extend_from_slice(query.as_bytes());
        }
        PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_| PathRefused)
    }

    /// What follows the slash behind the base, if anything does.
    fn without_repeat<'a>(&self, rest: &'a str) -> Option<&'a str> {
        match rest.strip_prefix(&*self.last_segment) {
            _ if rest.is_empty() => None,
            Some(_) if self.last_segment.is_empty() => Some(rest),
            Some("") => None,
            Some(after) => Some(after.strip_prefix('/').unwrap_or(rest)),
            None => Some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(base: &str, rest: &str, query: Option<&str>) -> String {
        Base::new(base, true).unwrap().join(rest, query).unwrap().to_string()
    }

    #[test]
    fn one_repeated_segment_is_dropped_and_only_a_whole_one() {
        for (rest, path) in [
            ("chat/completions", "/v1/chat/completions"),
            ("v1/chat/completions", "/v1/chat/completions"),
            ("v1/v1/messages", "/v1/v1/messages"),
            ("v1beta/models", "/v1/v1beta/models"),
            ("v10", "/v1/v10"),
            ("v1", "/v1"),
            ("v1/", "/v1/"),
            ("", "/v1"),
            ("batches/b_1:cancel", "/v1/batches/b_1:cancel"),
            ("models/grok%2F4%20x/", "/v1/models/grok%2F4%20x/"),
            ("a//b", "/v1/a//b"),
        ] {
            assert_eq!(join("/v1", rest, None), path, "{rest}");
        }
        let exact = Base::new("/v1", false).unwrap();
        assert_eq!(exact.join("v1/chat", None).unwrap(), "/v1/v1/chat");
        assert_eq!(join("/openai/v1/", "v1/chat", Some("a=%2F&b")), "/openai/v1/chat?a=%2F&b");
        assert_eq!(join("", "", None), "/");
        assert_eq!(join("/", "v1/messages", Some("")), "/v1/messages?");
    }

    #[test]
    fn dot_segments_are_refused_in_every_disguise() {
        for path in [
            "..",
            ".",
            "../x",
            "a/../b",
            "a/./b",
            "a/..",
            "%2e%2e/x",
            "a/%2E./b",
            ".%2e",
            "a/..%2fb",
            "a%2f..%2fb",
            "a%5c..",
            "a\\..\\b",
            "..;/x",
            "..;a=b",
            "a/%2e%2e;x/b",
            "%252e%252e/x",
            "a/%25252e./b",
            "%%32%65%%32%65/x",
            "a%252f..",
            "a/.%2fb",
        ] {
            assert_eq!(check(path), Err(PathRefused), "{path}");
        }
        for path in
            ["", "a..b", "...", "a/.hidden", "v1.0/x", "a/b..", "100%", "%zz", "x;..", "a/%41"]
        {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    /// Another reading of the same rule: what a server could make of a path after some decodings.
    fn escapes(path: &str) -> bool {
        let mut seen = path.as_bytes().to_vec();
        (0..4).any(|round| {
            if round > 0 {
                percent_decode(&mut seen);
            }
            let text = String::from_utf8_lossy(&seen).replace('\\', "/");
            text.split('/').any(|part| [".", ".."].contains(&part.split(';').next().unwrap_or("")))
        })
    }

    proptest! {
        #[test]
        fn a_path_is_refused_or_stays_below_its_base(
            rest in prop::collection::vec(
                prop::sample::select(vec!["..", ".", "%2e", "%25", "2e", "/", "%2f", "%5C", "\\", ";", "v1", "chat", "%", "x"]),
                0..10,
            ),
            query in prop::option::of("[a-z0-9=&%/.]{0,12}"),
        ) {
            let rest = rest.concat();
            let rest = rest.trim_start_matches('/');
            prop_assert_eq!(check(rest).is_err(), escapes(rest));
            if check(rest).is_ok() && let Ok(joined) = Base::new("/v1", true).unwrap().join(rest, query.as_deref()) {
                prop_assert!(joined.path() == "/v1" || joined.path().starts_with("/v1/"));
                prop_assert_eq!(joined.query(), query.as_deref());
                let whole = format!("/v1/{rest}");
                let once = whole.strip_prefix("/v1").unwrap();
                prop_assert!([whole.trim_end_matches('/'), once.trim_end_matches('/')].contains(&joined.path().trim_end_matches('/')));
            }
        }

        #[test]
        fn the_join_rule_drops_at_most_one_segment(base in "(/[a-z0-9]{1,3}){0,3}", rest in "[a-z0-9]{1,3}(/[a-z0-9]{1,3}){0,3}/?") {
            let joined = join(&base, &rest, None);
            let plain = format!("{base}/{rest}");
            let last = base.rsplit('/').next().unwrap();
            let first = rest.split('/').next().unwrap();
            if !last.is_empty() && last == first {
                prop_assert_eq!(joined, format!("{base}{}", &rest[first.len()..]));
            } else {
                prop_assert_eq!(joined, plain);
            }
        }
    }
}
