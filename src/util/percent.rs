//! Percent-decoding.

/// How often a chain of servers might decode a path: once more than any known chain does.
pub(crate) const DECODINGS: usize = 3;

/// Decodes once, leniently and in place: anything except `%` and two hex digits stays.
pub(crate) fn percent_decode(path: &mut Vec<u8>) {
    decode(path, |_| true);
}

/// The same, except for what would separate segments.
pub(crate) fn decode_within_segments(path: &mut Vec<u8>) {
    decode(path, |byte| !matches!(byte, b'/' | b'\\' | b';'));
}

fn decode(path: &mut Vec<u8>, is_decoded: impl Fn(u8) -> bool) {
    let mut to = 0;
    let mut from = 0;
    while from < path.len() {
        let hex = |at: usize| char::from(*path.get(at)?).to_digit(16);
        if path[from] == b'%'
            && let (Some(high), Some(low)) = (hex(from + 1), hex(from + 2))
            && is_decoded((high << 4 | low) as u8)
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

/// A key or a value of a query, decoded once.
pub(crate) fn query_text(text: &str) -> String {
    let mut decoded = text.replace('+', " ").into_bytes();
    percent_decode(&mut decoded);
    String::from_utf8_lossy(&decoded).into_owned()
}
