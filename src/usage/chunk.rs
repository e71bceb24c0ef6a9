//! Detects the extra chunk with the usage of a stream of chat completions.

use crate::json::cursor::Cursor;

/// Returns true if an event is only that: it has usage and an empty array of choices.
pub(crate) fn is_usage_chunk(event: &[u8]) -> bool {
    if memchr::memmem::find(event, b"\"usage\"").is_none() {
        return false;
    }
    let mut data = event
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter_map(|line| line.strip_prefix(b"data:"));
    let (Some(object), None) = (data.next(), data.next()) else { return false };
    let (mut has_usage, mut has_no_choices) = (false, false);
    let mut cursor = Cursor::new(object.trim_ascii_start());
    let read = cursor.members(|key, cursor| {
        let value = cursor.raw()?;
        match key {
            b"usage" => has_usage = value.starts_with(b"{"),
            b"choices" => {
                let inside = value.strip_prefix(b"[").and_then(|value| value.strip_suffix(b"]"));
                has_no_choices = inside.is_some_and(|inside| inside.trim_ascii().is_empty());
            }
            _ => {}
        }
        Some(())
    });
    let is_whole = read.is_some() && cursor.is_at_end();
    is_whole && has_usage && has_no_choices
}
