//! The segments of paths: normalised to compare them, and what follows one of a known name.

use super::operation::is_version;
use super::percent;

/// The segments of a path, percent-decoded and in lower case, without empty ones and leading versions.
pub(crate) fn plain(path: &str) -> Vec<String> {
    let mut decoded = path.as_bytes().to_vec();
    percent::percent_decode(&mut decoded);
    let path = String::from_utf8_lossy(&decoded).to_lowercase();
    behind_version(&path).map(str::to_owned).collect()
}

/// Returns true if a path begins with these segments, in the form of [`plain`].
pub(crate) fn begins_with(path: &str, wanted: &[String]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii() && byte != b'%' && !byte.is_ascii_uppercase();
    if !path.bytes().all(is_plain) {
        return plain(path).starts_with(wanted);
    }
    let mut segments = behind_version(path);
    wanted.iter().all(|wanted| segments.next() == Some(wanted))
}

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
    segment_behind(rest, if is_named { "responses" } else { "agent" })
}

fn behind_version(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.skip_while(|segment| is_version(segment.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_path_are_the_same() {
        let wanted = plain("chat/completions");
        for path in [
            "v1/chat/completions",
            "chat/completions/",
            "v1//chat/completions",
            "V1/Chat/completions",
            "v1/%63hat/completions",
            "chat%2Fcompletions",
        ] {
            assert!(plain(path).starts_with(&wanted), "{path}");
            assert!(begins_with(path, &wanted), "{path}");
        }
        for path in ["v1/chat", "v1/completions", "v1/chat/completionsx"] {
            assert!(!plain(path).starts_with(&wanted), "{path}");
            assert!(!begins_with(path, &wanted), "{path}");
        }
    }
}
