//! Checks of short texts from outside.

/// Returns true if `id` may name an account or a gateway: 1 to 64 of `A-Z a-z 0-9 - _ .`, not a dot
/// segment.
pub(crate) fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&id.len()) && id.bytes().all(is_plain) && id != "." && id != ".."
}

/// Returns true if a value is 1 to `longest` visible ASCII characters.
pub(crate) fn is_visible(value: &[u8], longest: usize) -> bool {
    (1..=longest).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

/// Shortens a client's text for repeating it to that client.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
