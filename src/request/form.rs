//! A push scanner for the `model` of a `multipart/form-data` body.
//!
//! It holds at most one part's headers and the model's name. Whatever two readers could read
//! differently is an error: a preamble or epilogue, a boundary outside of a delimiter, folded or
//! bare lines, escapes in a name, duplicate names, nested forms, encoded parts, two models.

mod head;
#[cfg(test)]
mod tests;

use memchr::memmem;

use self::head::{Field, field, parameter, until_semicolon};

/// The maximum size of a part's headers.
const LONGEST_HEAD: usize = 8 * 1024;
const LONGEST_MODEL: usize = 256;

/// Readers may disagree about this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// This many bytes of the first delimiter have passed.
    Start(usize),
    /// After a delimiter: `CRLF`, or `--` at the end of the form. Holds the first byte of either.
    Delimiter(Option<u8>),
    Head,
    Body,
    /// After the last delimiter, where one `CRLF` may follow.
    End(usize),
}

#[derive(Debug)]
pub(crate) struct Form {
    state: State,
    /// `--` and the boundary.
    delimiter: Box<[u8]>,
    /// The head of a part, or the last bytes of its body that may start a delimiter.
    held: Vec<u8>,
    /// The last two bytes of the body before `held`.
    before: [u8; 2],
    in_model: bool,
    value: Vec<u8>,
    model: Option<Box<str>>,
    has_stream: bool,
}

impl Form {
    /// A scanner for a body with this `content-type`; `None` if it is not a form, or is an unusual
    /// one.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let (kind, mut rest) = until_semicolon(content_type);
        if !kind.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data") {
            return None;
        }
        let mut boundary = None;
        while let Some((name, value, after)) = parameter(rest).ok()? {
            rest = after;
            if name.eq_ignore_ascii_case(b"boundary") {
                boundary = boundary.is_none().then_some(value);
                boundary?;
            } else if !name.eq_ignore_ascii_case(b"charset") {
                return None;
            }
        }
        let boundary = boundary?;
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(byte);
        if !(1..=70).contains(&boundary.len()) || !boundary.iter().all(is_plain) {
            return None;
        }
        Some(Self {
            state: State::Start(0),
            delimiter: [b"--", boundary].concat().into(),
            held: Vec::new(),
            before: [0; 2],
            in_model: false,
            value: Vec::new(),
            model: None,
            has_stream: false,
        })
    }

    /// The value of the field `model`, once it has passed.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether a field `stream` has begun, so that the answer may be a stream.
    #[cfg(feature = "cache")]
    pub(crate) fn has_stream(&self) -> bool {
        self.has_stream
    }

    /// Returns true if the last delimiter has passed.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::End(_))
    }

    /// Checks that the form is complete at the end of the body.
    pub(crate) fn finish(&self) -> Result<(), FormError> {
        match self.state {
            State::End(0 | 2) => Ok(()),
            _ => Err(FormError),
        }
    }

    /// Scans the next bytes. The scanner must not be used after an error.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), FormError> {
        let mut rest = chunk;
        while let [byte, behind @ ..] = rest {
            rest = match self.state {
                State::Start(matched) => {
                    if self.delimiter.get(matched) != Some(byte) {
                        return Err(FormError);
                    }
                    let matched = matched + 1;
                    let is_whole = matched == self.delimiter.len();
                    self.state =
                        if is_whole { State::Delimiter(None) } else { State::Start(matched) };
                    behind
                }
                State::Delimiter(None) if matches!(byte, b'\r' | b'-') => {
                    self.state = State::Delimiter(Some(*byte));
                    behind
                }
                State::Delimiter(Some(b'\r')) if *byte == b'\n' => {
                    self.held.clear();
                    self.state = State::Head;
                    behind
                }
                State::Delimiter(Some(b'-')) if *byte == b'-' => {
                    self.state = State::End(0);
                    behind
                }
                State::End(passed) if b"\r\n".get(passed) == Some(byte) => {
                    self.state = State::End(passed + 1);
                    behind
                }
                State::Delimiter(_) | State::End(_) => return Err(FormError),
                State::Head => self.head(rest)?,
                State::Body => self.body(rest)?,
            };
        }
        Ok(())
    }

    fn head<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], FormError> {
        let known = self.held.len();
        let room = LONGEST_HEAD - known;
        let taken = &rest[..rest.len().min(room)];
        self.held.extend_from_slice(taken);
        // A part without headers has no name.
        let from = known.saturating_sub(3);
        let Some(end) = memmem::find(&self.held[from..], b"\r\n\r\n").map(|at| from + at) else {
            return if self.held.len() == LONGEST_HEAD {
                Err(FormError)
            } else {
                Ok(&rest[taken.len()..])
            };
        };
        let used = end + 4 - known;
        let head = std::mem::take(&mut self.held);
        if memmem::find(&head[..end], &self.delimiter).is_some() {
            return Err(FormError);
        }
        let field = field(&head[..end])?;
        self.has_stream |= field == Field::Stream;
        let is_model = field == Field::Model;
        if is_model && self.model.is_some() {
            return Err(FormError);
        }
        self.held = head;
        self.held.clear();
        self.in_model = is_model;
        self.value.clear();
        self.before = [0; 2];
        self.state = State::Body;
        Ok(&rest[used..])
    }

    fn body<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], FormError> {
        let width = self.delimiter.len();
        if !self.held.is_empty() {
            // The held bytes, and as many more as a delimiter may need.
            let known = self.held.len();
            let taken = rest.len().min(width - 1);
            self.held.extend_from_slice(&rest[..taken]);
            let joined = std::mem::take(&mut self.held);
            if let Some(at) = memmem::find(&joined, &self.delimiter) {
                self.content(&joined[..at])?;
                self.end_of_part()?;
                return Ok(&rest[at + width - known..]);
            }
            if taken < width - 1 {
                let kept = may_begin(&joined, &self.delimiter);
                self.content(&joined[..joined.len() - kept])?;
                self.held = joined[joined.len() - kept..].to_vec();
                return Ok(&[]);
            }
            self.content(&joined[..known])?;
        }
        if let Some(at) = memmem::find(rest, &self.delimiter) {
            self.content(&rest[..at])?;
            self.end_of_part()?;
            return Ok(&rest[at + width..]);
        }
        let kept = may_begin(rest, &self.delimiter);
        self.content(&rest[..rest.len() - kept])?;
        self.held.extend_from_slice(&rest[rest.len() - kept..]);
        Ok(&[])
    }

    fn content(&mut self, data: &[u8]) -> Result<(), FormError> {
        match data {
            [] => {}
            [one] => self.before = [self.before[1], *one],
            [.., first, second] => self.before = [*first, *second],
        }
        if self.in_model {
            // The line break before the delimiter is not part of the name.
            if self.value.len() + data.len() > LONGEST_MODEL + 2 {
                return Err(FormError);
            }
            self.value.extend_from_slice(data);
        }
        Ok(())
    }

    /// Ends a part at a delimiter, which must be at the start of a line.
    fn end_of_part(&mut self) -> Result<(), FormError> {
        if self.before != *b"\r\n" {
            return Err(FormError);
        }
        if self.in_model {
            let value = self.value.strip_suffix(b"\r\n").ok_or(FormError)?;
            let name = str::from_utf8(value).map_err(|_| FormError)?;
            if name.chars().any(char::is_control) {
                return Err(FormError);
            }
            self.model = Some(name.into());
        }
        self.in_model = false;
        self.state = State::Delimiter(None);
        Ok(())
    }
}

/// How many bytes at the end may start a delimiter.
fn may_begin(data: &[u8], delimiter: &[u8]) -> usize {
    let longest = data.len().min(delimiter.len() - 1);
    (1..=longest)
        .rev()
        .find(|length| delimiter.starts_with(&data[data.len() - length..]))
        .unwrap_or_default()
}
