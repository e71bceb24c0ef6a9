//! Splits server-sent events as their bytes arrive ("9.2.6 Interpreting an event stream" of the
//! HTML standard).

/// The next piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A part of the data, line ends between its lines included.
    Data(&'a [u8]),
    /// The event is named `error`.
    Error,
    /// The blank line after an event.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Name,
    /// After `data:`, where one space may follow.
    Space,
    Data,
    /// After `event:`.
    Event,
    Other,
}

/// The position in the stream.
#[derive(Debug)]
pub(crate) struct Lines {
    line: Line,
    /// The last byte was a CR; an LF belongs to it.
    after_cr: bool,
    in_event: bool,
    has_data: bool,
    /// The event is JSON without a field name, like Google's errors in the middle of a stream.
    is_bare: bool,
    /// The start of a field's or event's name.
    head: [u8; 7],
    length: usize,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self {
            line: Line::Start,
            after_cr: false,
            in_event: false,
            has_data: false,
            is_bare: false,
            head: [0; 7],
            length: 0,
        }
    }

    pub(super) fn is_between_events(&self) -> bool {
        !self.in_event
    }

    /// Takes the next piece off `bytes`; `None` if they are used up.
    pub(crate) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        loop {
            let byte = *bytes.first()?;
            if std::mem::replace(&mut self.after_cr, false) && byte == b'\n' {
                *bytes = &bytes[1..];
                continue;
            }
            let is_end = matches!(byte, b'\n' | b'\r');
            match self.line {
                Line::Start if is_end => {
                    self.end_line(bytes);
                    self.in_event = false;
                    self.has_data = false;
                    self.is_bare = false;
                    return Some(Piece::End);
                }
                Line::Start if self.is_bare => {
                    self.line = Line::Data;
                    return Some(Piece::Data(b"\n"));
                }
                Line::Start if !self.in_event && matches!(byte, b'{' | b'[') => {
                    self.in_event = true;
                    self.is_bare = true;
                    self.line = Line::Data;
                }
                Line::Start => {
                    self.in_event = true;
                    self.length = 0;
                    self.line = Line::Name;
                    if let Some(rest) = bytes.strip_prefix(b"data:") {
                        *bytes = rest;
                        self.line = Line::Space;
                    }
                }
                Line::Space => {
                    if byte == b' ' {
                        *bytes = &bytes[1..];
                    }
                    self.line = Line::Data;
                    if std::mem::replace(&mut self.has_data, true) {
                        return Some(Piece::Data(b"\n"));
                    }
                }
                Line::Event if is_end => {
                    let is_error = matches!(&self.head[..self.length], b" error" | b"error");
                    self.end_line(bytes);
                    if is_error {
                        return Some(Piece::Error);
                    }
                }
                Line::Name | Line::Data | Line::Other if is_end => self.end_line(bytes),
                Line::Name | Line::Event => self.name(byte, bytes),
                Line::Data | Line::Other => {
                    let end = memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
                    let (data, rest) = bytes.split_at(end);
                    *bytes = rest;
                    if self.line == Line::Data {
                        return Some(Piece::Data(data));
                    }
                }
            }
        }
    }

    fn end_line(&mut self, bytes: &mut &[u8]) {
        self.after_cr = bytes.first() == Some(&b'\r');
        *bytes = &bytes[1..];
        self.line = Line::Start;
    }

    fn name(&mut self, byte: u8, bytes: &mut &[u8]) {
        *bytes = &bytes[1..];
        if self.line == Line::Name && byte == b':' {
            self.line = match &self.head[..self.length] {
                b"data" => Line::Space,
                b"event" => Line::Event,
                _ => Line::Other,
            };
            self.length = 0;
        } else if let Some(slot) = self.head.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        } else {
            self.line = Line::Other;
        }
    }
}

/// The length of `bytes` up to and including its last blank line; 0 without one.
///
/// `bytes` must start at the beginning of a line.
pub(super) fn last_boundary(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some(last) = memchr::memrchr2(b'\n', b'\r', rest) {
        let is_pair = rest[last] == b'\n' && last > 0 && rest[last - 1] == b'\r';
        let line = &rest[..last - usize::from(is_pair)];
        if matches!(line.last(), Some(b'\n' | b'\r')) {
            return last + 1;
        }
        rest = line;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(stream: &str, chunk: usize) -> String {
        let mut lines = Lines::new();
        let mut out = String::new();
        for mut bytes in stream.as_bytes().chunks(chunk) {
            while let Some(piece) = lines.next(&mut bytes) {
                match piece {
                    Piece::Data(data) => out.push_str(str::from_utf8(data).unwrap()),
                    Piece::Error => out.push('!'),
                    Piece::End => out.push('|'),
                }
            }
        }
        out
    }

    #[test]
    fn all_line_ends_and_fields_are_read_in_any_split() {
        for (stream, expected) in [
            ("data: a\n\ndata:b\n\n", "a|b|"),
            ("data: a\r\n\r\ndata: b\r\n\r\n", "a|b|"),
            ("data: a\r\rdata: b\r\r", "a|b|"),
            ("data: a\n\r\ndata: b\r\n\n", "a|b|"),
            ("data: a\ndata:  b\ndata\ndata:\n\n", "a\n b\n|"),
            (": data: x\ndata: a\nid: 1\ndatum: 1\nretry: 5\n\n", "a|"),
            ("event: error\ndata: a\n\nevent:error\r\revent: errors\n\nevent: \n\n", "!a|!|||"),
            ("data: a", "a"),
            ("{\n  data: a\n}\n\ndata: b\n\n[\r\n1]\r\n", "{\n  data: a\n}|b|[\n1]"),
            ("id: 1\n{\n\n", "|"),
            ("\n\n\n", "|||"),
        ] {
            for chunk in 1..=stream.len() {
                assert_eq!(pieces(stream, chunk), expected, "{stream:?} by {chunk}");
            }
        }
    }

    #[test]
    fn the_last_blank_line_is_found() {
        for (bytes, boundary) in [
            ("", 0),
            ("a", 0),
            ("a\n", 0),
            ("a\r\n", 0),
            ("a\n\n", 3),
            ("a\n\nb\nc\n", 3),
            ("a\r\rb", 3),
            ("a\r\n\r\nb", 5),
            ("a\n\r\nb", 4),
            ("a\r\n\nb", 4),
            ("a\n\n\nb\r\n", 4),
        ] {
            assert_eq!(last_boundary(bytes.as_bytes()), boundary, "{bytes:?}");
        }
    }
}
