//! What the cache needs to know about the body of a request.

use std::borrow::Cow;

use crate::json::object::{ObjectScanner, ScanError, Stream};
use crate::json::string;
use crate::request::form::{Form, FormError};

/// Reads the top-level members of a body, or the fields of a form. Bytes may be split anywhere.
#[derive(Debug)]
pub(super) struct Members {
    scanner: ObjectScanner,
    /// After an error, nothing more is read.
    error: Option<ScanError>,
    /// Boxed, because most bodies are not forms.
    form: Option<Box<Result<Form, FormError>>>,
}

/// The model that a body names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Model<'a> {
    Named(Cow<'a, str>),
    None,
    /// The body names several models, or cannot be read.
    Ambiguous,
}

impl Model<'_> {
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::None | Self::Ambiguous => None,
        }
    }
}

impl Members {
    /// Reads a body with this `content-type`.
    pub(super) fn of(content_type: Option<&[u8]>) -> Self {
        let form = content_type.and_then(Form::of).map(|form| Box::new(Ok(form)));
        Self { scanner: ObjectScanner::noting(), error: None, form }
    }

    /// Whether the `content-type` is that of a form. Its boundary differs each time.
    pub(super) fn is_form(&self) -> bool {
        self.form.is_some()
    }

    /// Reads the next bytes.
    pub(super) fn push(&mut self, data: &[u8]) {
        if self.error.is_none() {
            self.error = self.scanner.push(data).err();
        }
        if let Some(form) = self.form.as_deref_mut()
            && let Ok(scanner) = form
            && let Err(error) = scanner.push(data)
        {
            *form = Err(error);
        }
    }

    /// At the end of the body: whether all of it could be read.
    fn finish(&self) -> Result<(), ScanError> {
        self.error.map_or_else(|| self.scanner.finish(), Err)
    }

    /// Whether the body asks for a stream.
    pub(super) fn stream(&self) -> Stream {
        self.scanner.notes().stream
    }

    /// At the end of the body: whether the request has no effect but its response. `may_be_other`: the body
    /// need not be a JSON object.
    pub(super) fn is_clean(&self, may_be_other: bool) -> bool {
        match self.finish() {
            Ok(()) => !self.scanner.notes().is_stateful,
            Err(ScanError::NotAnObject) => may_be_other,
            Err(_) => false,
        }
    }

    /// At the end of the body: the model that it names.
    pub(super) fn model(&self) -> Model<'_> {
        if let Some(form) = self.form.as_deref() {
            // The value of `stream` is not read, and a custom key must not stand for both values.
            let form =
                form.as_ref().ok().filter(|form| form.finish().is_ok() && !form.has_stream());
            let Some(form) = form else { return Model::Ambiguous };
            return form.model().map_or(Model::None, |model| Model::Named(model.into()));
        }
        if self.finish().is_err() || self.scanner.notes().is_ambiguous {
            return Model::Ambiguous;
        }
        let Some(written) = self.scanner.model() else { return Model::None };
        string::decoded(&written.raw).map_or(Model::Ambiguous, Model::Named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Members {
        let pieces = |size| {
            let mut scanner = Members::of(None);
            body.as_bytes().chunks(size).for_each(|piece| scanner.push(piece));
            scanner
        };
        let (whole, bytes) = (pieces(1 << 20), pieces(1));
        assert_eq!(whole.is_clean(true), bytes.is_clean(true), "{body}");
        assert_eq!(whole.stream(), bytes.stream(), "{body}");
        assert_eq!(whole.model(), bytes.model(), "{body}");
        whole
    }

    #[test]
    fn members_that_change_or_poll_state_are_found() {
        for body in [
            r#"{"conversation":"conv_1"}"#,
            r#"{"conversation":{"id":"c"}}"#,
            r#"{"a":[{"b":"}"}],"conversation_id":"c"}"#,
            r#"{"container":"c"}"#,
            r#"{"deferred": true}"#,
            r#"{"deferred":false,"deferred":true}"#,
            r#"{"background":true}"#,
            r#"{"Background":true}"#,
            r#"{"\u0062ackground":true}"#,
            r#"{"request_id":"r"}"#,
            r#"{"queueRequest":true}"#,
            r#"{"background":1}"#,
        ] {
            assert!(!read(body).is_clean(true), "{body}");
        }
        for body in [
            "{}",
            " {\"a\":\"conversation\"} ",
            r#"{"conversation":null,"deferred":false,"background": false }"#,
            r#"{"tools":[{"container":{"type":"auto"}}],"input":"\"background\":true"}"#,
            r#"{"n":1.5e3,"t":true,"o":{"background":true}}"#,
        ] {
            assert!(read(body).is_clean(false), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_clean() {
        for body in [r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a" 1}"#, "{,}", r#"{"a":"#, r#"{"a":x"#] {
            assert!(!read(body).is_clean(true), "{body}");
        }
        for body in ["", "[1]", "--b\r\n", "\u{1f}x"] {
            assert!(!read(body).is_clean(false) && read(body).is_clean(true), "{body}");
        }
    }

    #[test]
    fn a_stream_is_recognised() {
        for (body, expected) in [
            ("{}", Stream::Absent),
            (r#"{"a":{"stream":true}}"#, Stream::Absent),
            (r#"{"stream":null}"#, Stream::Null),
            (r#"{"stream":false}"#, Stream::False),
            (r#"{"stream" : true }"#, Stream::True),
            (r#"{"str\u0065am":true}"#, Stream::True),
            (r#"{"stream":false,"stream":true}"#, Stream::Unclear),
            (r#"{"stream":1}"#, Stream::Unclear),
            (r#"{"stream":"true"}"#, Stream::Unclear),
            (r#"{"stream":{}}"#, Stream::Unclear),
            (r#"{"Stream":true}"#, Stream::Unclear),
            (r#"{"stream":true,"STREAM":false}"#, Stream::Unclear),
            (r#"{"stream_format":"sse"}"#, Stream::Unclear),
            (r#"{"stream":true,"stream_options":{}}"#, Stream::True),
        ] {
            assert_eq!(read(body).stream(), expected, "{body}");
        }
    }

    #[test]
    fn only_an_unambiguous_model_is_named() {
        for body in [r#"{"model":"a"}"#, r#"{"x":{"model":"b"},"mod\u0065l":"\u0061","y":1}"#] {
            assert_eq!(read(body).model(), Model::Named("a".into()), "{body}");
        }
        assert_eq!(read(r#"{"x":{"model":"b"}}"#).model(), Model::None);
        let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(2000));
        for body in [
            r#"{"model":"a","model":"a"}"#,
            r#"{"model":"a","Model":1}"#,
            r#"{"MODEL":"b","model":"a"}"#,
            r#"{"model":null}"#,
            r#"{"model":"\x"}"#,
            &long,
        ] {
            assert_eq!(read(body).model(), Model::Ambiguous, "{body}");
            assert!(read(body).is_clean(false), "{body}");
        }
        for body in ["", "[1]", r#"{"model":"a""#, r#"{"model":"a"}x"#] {
            assert_eq!(read(body).model(), Model::Ambiguous, "{body}");
        }
    }

    /// The scanner reads on after the model.
    #[test]
    fn state_is_found_after_an_ambiguous_model() {
        assert!(!read(r#"{"model":"a","model":{"b":1},"background":true}"#).is_clean(true));
    }
}
