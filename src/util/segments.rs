//! Paths, to be compared.

use super::operation::is_version;
use super::percent;

/// The segments of a path without encoding, case, empty ones and what stands for a version.
pub(crate) fn plain(path: &str) -> Vec<String> {
    let mut decoded = path.as_bytes().to_vec();
    percent::percent_decode(&mut decoded);
    let path = String::from_utf8_lossy(&decoded).to_lowercase();
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.skip_while(|segment| is_version(segment.as_bytes())).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
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
        }
        for path in ["v1/chat", "v1/completions", "v1/chat/completionsx"] {
            assert!(!plain(path).starts_with(&wanted), "{path}");
        }
    }
}
