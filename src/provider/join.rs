//! Joins a base path and the rest of a request path, byte for byte.

use crate::util::percent::{DECODINGS, percent_decode};
use bytes::Bytes;
use http::uri::PathAndQuery;

/// The path is malformed, or some server might resolve it to one outside the base path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathRefused;

/// Usual paths after a provider's slug.
pub(crate) const USUAL: [&str; 6] = [
    "v1/chat/completions",
    "chat/completions",
    "v1/responses",
    "responses",
    "v1/messages",
    "embeddings",
];

/// Refuses dot segments: plain, percent-encoded up to three times, between `\` or encoded
/// separators, or followed by `;` parameters.
///
/// They are refused, not resolved, because the provider's server may resolve them differently.
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

/// The path before the rest: it starts with `/` and does not end with one, or is empty.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    path: Box<str>,
    /// The ends of the path that a rest may repeat, the longest first.
    tails: Box<[Box<str>]>,
    /// The [`USUAL`] paths, joined once instead of for each request.
    usual: Box<[PathAndQuery]>,
}

impl Base {
    /// With `dedupe`, segments that end the base and start the rest are merged, as many as match:
    /// with the base `/openai/v1`, `openai/v1/chat`, `v1/chat` and `chat` all become
    /// `/openai/v1/chat`. Only whole segments match, so `v1beta` stays.
    pub(crate) fn new(path: &str, dedupe: bool) -> Result<Self, PathRefused> {
        check(path)?;
        let path = path.trim_end_matches('/');
        let tails = path.match_indices('/').map(|(slash, _)| &path[slash + 1..]);
        // A rest never starts with a slash.
        let tails = tails.filter(|tail| dedupe && !tail.starts_with('/')).map(Box::from);
        let mut base = Self { path: path.into(), tails: tails.collect(), usual: Box::default() };
        base.usual = USUAL.iter().map(|rest| base.build(rest, None)).collect::<Result<_, _>>()?;
        Ok(base)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The base, `/`, `rest` (which has no leading slash), and the query unchanged.
    ///
    /// `rest` must have passed [`check`].
    pub(crate) fn join(
        &self,
        rest: &str,
        query: Option<&str>,
    ) -> Result<PathAndQuery, PathRefused> {
        let place = USUAL.iter().position(|usual| *usual == rest).filter(|_| query.is_none());
        match place.and_then(|place| self.usual.get(place)) {
            Some(joined) => Ok(joined.clone()),
            None => self.build(rest, query),
        }
    }

    fn build(&self, rest: &str, query: Option<&str>) -> Result<PathAndQuery, PathRefused> {
        let rest = self.without_repeat(rest);
        let slash = rest.is_some() || self.path.is_empty();
        let rest = rest.unwrap_or_default();
        // Exactly as long as needed: only then does it become `Bytes` without another allocation.
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

    /// What follows the slash after the base, if anything does.
    fn without_repeat<'a>(&self, rest: &'a str) -> Option<&'a str> {
        for tail in &self.tails {
            match rest.strip_prefix(&**tail) {
                None => {}
                Some("") => return None,
                Some(after) => {
                    if let Some(after) = after.strip_prefix('/') {
                        return Some(after);
                    }
                }
            }
        }
        Some(rest).filter(|rest| !rest.is_empty())
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
    fn usual_paths_are_joined_like_all_others() {
        for path in ["", "/v1", "/openai/v1", "/v1/chat"] {
            for base in [true, false].map(|dedupe| Base::new(path, dedupe).unwrap()) {
                for rest in USUAL {
                    assert_eq!(base.join(rest, None), base.build(rest, None), "{path} {rest}");
                    let with_query = base.join(rest, Some("a=b")).unwrap();
                    assert_eq!(with_query, format!("{}?a=b", base.join(rest, None).unwrap()));
                }
            }
        }
    }

    #[test]
    fn only_whole_repeated_segments_are_dropped() {
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
        for rest in ["openai/v1/chat", "v1/chat", "chat"] {
            assert_eq!(join("/openai/v1/", rest, Some("a=%2F&b")), "/openai/v1/chat?a=%2F&b");
        }
        for (rest, path) in [
            ("openai/v1", "/openai/v1"),
            ("openai/v1/", "/openai/v1/"),
            ("openai/chat", "/openai/v1/openai/chat"),
            ("xopenai/v1/chat", "/openai/v1/xopenai/v1/chat"),
            ("openai/v1beta", "/openai/v1/openai/v1beta"),
            ("openai%2Fv1/chat", "/openai/v1/openai%2Fv1/chat"),
        ] {
            assert_eq!(join("/openai/v1", rest, None), path, "{rest}");
        }
        // The longest run wins, whatever other runs there are.
        assert_eq!(join("/a/b/a/b", "a/b/a/b/c", None), "/a/b/a/b/c");
        assert_eq!(join("/a/b/a/b", "a/b/c", None), "/a/b/a/b/c");
        assert_eq!(join("/v1/v1", "v1/v1/v1/x", None), "/v1/v1/v1/x");
        assert_eq!(join("/a//b", "b/x", None), "/a//b/x");
        assert_eq!(join("", "", None), "/");
        assert_eq!(join("/", "v1/messages", Some("")), "/v1/messages?");
    }

    #[test]
    fn dot_segments_are_refused_in_every_spelling() {
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

    /// The same rule restated: what a server could make of a path after some decodings.
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
        fn the_longest_run_is_dropped_as_in_the_naive_version(
            base in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "v1"]), 0..5),
            rest in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "v1", ""]), 1..6),
        ) {
            let path: String = base.iter().map(|segment| format!("/{segment}")).collect();
            let given = rest.join("/");
            prop_assume!(!given.starts_with('/'));
            let joined = join(&path, &given, None);
            prop_assert_eq!(joined, naive(&base, &rest));
            let exact = Base::new(&path, false).unwrap().join(&given, None).unwrap();
            let all = if given.is_empty() && !path.is_empty() { path } else { format!("{path}/{given}") };
            prop_assert_eq!(exact.as_str(), all);
        }
    }

    /// The join rule in words, over lists of segments.
    fn naive(base: &[&str], rest: &[&str]) -> String {
        let longest = base.len().min(rest.len());
        let run = (1..=longest).rev().find(|run| base[base.len() - run..] == rest[..*run]);
        let mut all = base.to_vec();
        all.extend(&rest[run.unwrap_or(0)..]);
        if rest == [""] && !base.is_empty() {
            all.pop();
        }
        format!("/{}", all.join("/"))
    }
}
