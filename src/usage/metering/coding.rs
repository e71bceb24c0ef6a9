//! The compression of a response.

use http::{HeaderMap, HeaderValue, header};

use super::decode::Decoder;

/// The decoding of the relayed bytes.
#[derive(Debug)]
pub(super) enum Coding {
    Plain,
    // Boxed: most responses are plain.
    Coded(Box<Decoder>),
    /// The decoder was dropped: the body has ended or cannot be decoded further. `is_cut`: the
    /// encoded data is incomplete.
    Over {
        is_cut: bool,
    },
}

impl Coding {
    /// `None` if the coding is not supported, or there are several.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let is_plain = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
        let codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let mut codings = codings.map(HeaderValue::as_bytes).filter(|coding| !is_plain(coding));
        match (codings.next(), codings.next()) {
            (None, _) => Some(Self::Plain),
            (Some(coding), None) => {
                Decoder::of(coding).map(|decoder| Self::Coded(Box::new(decoder)))
            }
            (Some(_), Some(_)) => None,
        }
    }
}
