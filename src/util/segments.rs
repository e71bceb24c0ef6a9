//! The segments of paths, normalised to compare them.

use super::operation::is_version;
use super::percent;

/// The segments of a path as its server may read them: split at `\` too, without empty ones, parameters
/// (`;x`) and space around them.
pub(crate) fn of(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split(['/', '\\']);
    let bare = segments.map(|segment| segment.split(';').next().unwrap_or_default().trim());
    bare.filter(|segment| !segment.is_empty())
}

/// The segments of a path, percent-decoded and in lower case, without empty ones and leading versions.
#[cfg_attr(not(any(feature = "cache", feature = "limits")), allow(dead_code))]
pub(crate) fn plain(path: &str) -> Vec<String> {
    let mut decoded = path.as_bytes().to_vec();
    percent::percent_decode(&mut decoded);
    let path = String::from_utf8_lossy(&decoded).to_lowercase();
    behind_version(&path).map(str::to_owned).collect()
}

/// Returns true if a path begins with these segments, in the form of [`plain`].
#[cfg_attr(not(any(feature = "cache", feature = "limits")), allow(dead_code))]
pub(crate) fn begins_with(path: &str, wanted: &[String]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii() && byte != b'%' && !byte.is_ascii_uppercase();
    if !path.bytes().all(is_plain) {
        return plain(path).starts_with(wanted);
    }
    let mut segments = behind_version(path);
    wanted.iter().all(|wanted| segments.next() == Some(wanted))
}

fn behind_version(path: &str) -> impl Iterator<Item = &str> {
    of(path).skip_while(|segment| is_version(segment.as_bytes()))
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
            "chat/completions;x",
            "chat/completions%20",
            "chat;x/%3By/completions",
            "chat\\completions",
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
