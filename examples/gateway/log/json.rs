//! Formats events like tracing-subscriber's JSON format, in a quarter of the time.
//!
//! Each exchange logs an event, and tracing-subscriber's serializer checks every few bytes that it
//! writes for UTF-8. Rare cases are left to it: events in spans, and those of the crate `log`.

use std::{
    cell::{Cell, RefCell},
    fmt::{self, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, Writer},
        time::FormatTime as _,
    },
    registry::LookupSpan,
};

/// One flat object per line.
pub(super) struct JsonLines {
    rare: Format<Json>,
}

impl Default for JsonLines {
    fn default() -> Self {
        // Log stores index fields at the top level without configuration.
        let rare = Format::default().json().flatten_event(true).with_span_list(false);
        Self { rare: rare.with_ansi(false) }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        thread_local! {
            static LINE: Cell<String> = const { Cell::new(String::new()) };
        }
        let of_span =
            event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
        let metadata = event.metadata();
        if of_span.is_some() || metadata.target() == "log" {
            return self.rare.format_event(context, writer, event);
        }
        let mut line = LINE.take();
        line.clear();
        line.push_str("{\"timestamp\":\"");
        push_time(&mut line)?;
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        event.record(&mut Fields(&mut line));
        push_name(&mut line, "target");
        push_text(&mut line, metadata.target());
        line.push_str("}\n");
        let written = writer.write_str(&line);
        LINE.set(line);
        written
    }
}

/// Appends members to an object that the text starts.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    /// Appends what `write` writes, at most 32 bytes.
    fn push_number(
        &mut self,
        field: &Field,
        write: impl FnOnce(&mut &mut [u8]) -> serde_json::Result<()>,
    ) {
        push_name(self.0, field.name());
        let mut digits = [0; 32];
        let mut rest = &mut digits[..];
        let written = write(&mut rest);
        let length = 32 - rest.len();
        match written.map(|()| str::from_utf8(&digits[..length])) {
            Ok(Ok(digits)) => self.0.push_str(digits),
            _ => self.0.push_str("null"),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        push_name(self.0, field.name());
        self.0.push_str(if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_number(field, |digits| serde_json::to_writer(digits, &value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_number(field, |digits| serde_json::to_writer(digits, &value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push_number(field, |digits| serde_json::to_writer(digits, &value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        push_name(self.0, field.name());
        push_text(self.0, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        push_name(self.0, field.name());
        self.0.push('"');
        let _ = write!(Escaped(self.0), "{value:?}");
        self.0.push('"');
    }
}

/// Escapes the text that is written to it.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

fn push_name(line: &mut String, name: &str) {
    line.push_str(",\"");
    push_escaped(line, name);
    line.push_str("\":");
}

fn push_text(line: &mut String, text: &str) {
    line.push('"');
    push_escaped(line, text);
    line.push('"');
}

fn push_escaped(line: &mut String, text: &str) {
    if is_verbatim(text) {
        line.push_str(text);
        return;
    }
    let quoted = serde_json::Value::from(text).to_string();
    line.push_str(&quoted[1..quoted.len() - 1]);
}

/// Returns true if the text needs no escapes. Compares eight bytes at a time.
fn is_verbatim(text: &str) -> bool {
    let (words, rest) = text.as_bytes().as_chunks();
    // The last eight bytes overlap the last chunk, so that no bytes are left over.
    if let Some(last) = text.as_bytes().last_chunk() {
        return !words.iter().chain([last]).any(|word| has_escaped(*word));
    }
    match (rest.first_chunk(), rest.last_chunk()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => !has_escaped([*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => rest.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\'),
    }
}

/// Returns true if one of eight bytes must be escaped: a control character, a quote or a backslash.
fn has_escaped(word: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(word);
    // Sets the high bit of a byte below `least`, and no bit if there is no such byte.
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word & (ONES << 7);
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) != 0
}

/// The time as tracing-subscriber writes it, to the microsecond.
///
/// The part before the fraction is formatted once per second.
fn push_time(line: &mut String) -> fmt::Result {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let since_epoch = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = since_epoch();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second == now.as_secs() && !text.is_empty() {
            line.push_str(text);
            return write!(line, "{:06}Z", now.subsec_micros());
        }
        text.clear();
        tracing_subscriber::fmt::time::SystemTime.format_time(&mut Writer::new(text))?;
        line.push_str(text);
        // Unless the next second has started meanwhile.
        match text.rfind('.') {
            Some(point) if since_epoch().as_secs() == now.as_secs() => text.truncate(point + 1),
            _ => text.clear(),
        }
        *second = now.as_secs();
        Ok(())
    })
}

#[cfg(test)]
mod tests;
