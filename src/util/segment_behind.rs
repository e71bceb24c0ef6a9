//! What follows a segment of a known name in a path.

/// The segment after the first one of this name.
pub(crate) fn segment_behind<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.find(|segment| *segment == name)?;
    segments.next()
}

/// What follows `responses` or Perplexity's `agent` in a path of that API: the id of a stored answer, or
/// a call of its own.
pub(crate) fn behind_responses(rest: &str) -> Option<&str> {
    // A deployment may be called `agent`.
    let is_named = rest.split('/').any(|segment| segment == "responses");
    let behind = segment_behind(rest, if is_named { "responses" } else { "agent" });
    behind.filter(|segment| is_stored_id(segment))
}

/// Returns true if a segment may be the id of something stored. A server may drop any other one.
pub(crate) fn is_stored_id(segment: &str) -> bool {
    let is_of_id =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    !segment.is_empty() && segment.bytes().all(is_of_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_name_is_the_next_segment() {
        for (path, expected) in [
            ("v1/responses/r_1", Some("r_1")),
            ("v1//responses//r_1/cancel", Some("r_1")),
            ("v1/responses/", None),
            ("v1/responses/%2F", None),
            ("v1/response/r_1", None),
            ("v1/agent/r_1", Some("r_1")),
            ("deployments/agent/responses/r_1", Some("r_1")),
        ] {
            assert_eq!(behind_responses(path), expected, "{path}");
        }
    }
}
