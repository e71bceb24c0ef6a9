//! The headers of a form's part, and the parameters of a header.

use memchr::memmem;

use super::FormError;
use crate::util::percent::percent_decode;

/// Fields in which a provider may read models that this scanner does not.
const HIDING: [&str; 8] =
    ["models", "fallback", "fallbacks", "preset", "agent", "agentid", "session", "route"];

/// A field, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Stream,
    Other,
}

/// The field that has these headers.
pub(super) fn field(head: &[u8]) -> Result<Field, FormError> {
    let mut name = None;
    let mut kind: Option<Vec<u8>> = None;
    let mut rest = head;
    while !rest.is_empty() {
        let end = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 2..).unwrap_or_default();
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(FormError);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(FormError)?;
        let (field, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if field.is_empty() || !field.iter().all(is_token) {
            return Err(FormError);
        }
        match &*field.to_ascii_lowercase() {
            b"content-disposition" if name.is_none() => name = Some(disposition(value)?),
            b"content-type" if kind.is_none() => kind = Some(value.to_ascii_lowercase()),
            b"content-disposition" | b"content-type" => return Err(FormError),
            b"content-transfer-encoding" => {
                let value = value.to_ascii_lowercase();
                if !matches!(&*value, b"binary" | b"7bit" | b"8bit") {
                    return Err(FormError);
                }
            }
            _ => {}
        }
    }
    let (name, is_file) = name.ok_or(FormError)?;
    if kind
        .as_ref()
        .is_some_and(|kind| kind.starts_with(b"multipart/") || kind.starts_with(b"message/"))
    {
        return Err(FormError);
    }
    let plain = plain(name);
    if plain == "model" {
        let is_text = match kind.as_deref() {
            None => true,
            Some(kind) => {
                let kind: Vec<u8> = kind.iter().copied().filter(|byte| *byte != b' ').collect();
                matches!(&*kind, b"text/plain" | b"text/plain;charset=utf-8")
            }
        };
        let is_plain = name == b"model" && is_text && !is_file;
        return if is_plain { Ok(Field::Model) } else { Err(FormError) };
    }
    let is_hiding = HIDING.contains(&&*plain) || plain == "charset" || name == b"_charset_";
    match is_hiding {
        true => Err(FormError),
        false if plain == "stream" => Ok(Field::Stream),
        false => Ok(Field::Other),
    }
}

/// The name as a lenient reader may see it: decoded, in lower case, without brackets and
/// separators.
fn plain(name: &[u8]) -> String {
    let mut name = name.to_vec();
    percent_decode(&mut name);
    let name = String::from_utf8_lossy(&name).to_lowercase();
    let name = name.split('[').next().unwrap_or_default();
    name.chars().filter(|character| character.is_alphanumeric()).collect()
}

/// The name in a `content-disposition`, and whether it has a file name.
fn disposition(value: &[u8]) -> Result<(&[u8], bool), FormError> {
    let (kind, mut rest) = until_semicolon(value);
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(FormError);
    }
    let (mut name, mut file, mut extended) = (None, false, false);
    while let Some((key, value, after)) = parameter(rest)? {
        rest = after;
        match &*key.to_ascii_lowercase() {
            b"name" if name.is_none() => {
                if value.contains(&b'\\') {
                    return Err(FormError);
                }
                name = Some(value);
            }
            b"filename" if !file => file = true,
            b"filename*" if !extended => extended = true,
            _ => return Err(FormError),
        }
    }
    Ok((name.ok_or(FormError)?, file || extended))
}

pub(super) fn until_semicolon(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value.split_at(end)
}

type Parameter<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The next `; key=value` and the rest. Refuses a backslash before a quote.
pub(super) fn parameter(rest: &[u8]) -> Result<Option<Parameter<'_>>, FormError> {
    let rest = rest.trim_ascii();
    let Some(rest) = rest.strip_prefix(b";") else {
        return if rest.is_empty() { Ok(None) } else { Err(FormError) };
    };
    let rest = rest.trim_ascii_start();
    let equals = rest.iter().position(|byte| *byte == b'=').ok_or(FormError)?;
    let (key, value) = (&rest[..equals], &rest[equals + 1..]);
    if key.is_empty() || !key.iter().all(is_token) {
        return Err(FormError);
    }
    if let Some(inside) = value.strip_prefix(b"\"") {
        let end = memchr::memchr(b'"', inside).ok_or(FormError)?;
        let (text, after) = (&inside[..end], &inside[end + 1..]);
        return if text.ends_with(b"\\") { Err(FormError) } else { Ok(Some((key, text, after))) };
    }
    let (text, after) = until_semicolon(value);
    let text = text.trim_ascii_end();
    if text.is_empty() || !text.iter().all(is_value) {
        return Err(FormError);
    }
    Ok(Some((key, text, after)))
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// In practice, unquoted boundaries contain more than token characters.
fn is_value(byte: &u8) -> bool {
    is_token(byte) || b"()/:=?,".contains(byte)
}
