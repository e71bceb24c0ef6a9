//! The content codings that a client accepts.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// The known codings and their bits. A header with an unknown coding goes into the key as it is.
const KNOWN: [(&str, u8); 8] = [
    ("gzip", 1),
    ("x-gzip", 1),
    ("deflate", 2),
    ("br", 4),
    ("zstd", 8),
    ("compress", 16),
    ("*", 32),
    ("identity", IDENTITY),
];

const IDENTITY: u8 = 64;

/// The codings that `accept-encoding` accepts, whatever their spelling, order and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codings {
    taken: u8,
    /// Refused by `q=0`. `identity` has no bit here: it is accepted unless it is refused.
    refused: u8,
}

impl Codings {
    /// `None` if a coding is unknown or malformed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = Self { taken: IDENTITY, refused: 0 };
        for value in headers.get_all(ACCEPT_ENCODING) {
            let elements = value.to_str().ok()?.split(',').map(str::trim);
            for element in elements.filter(|element| !element.is_empty()) {
                let (name, is_taken) = match element.split_once(';') {
                    Some((name, weight)) => (name.trim_end(), weight_of(weight)?),
                    None => (element, true),
                };
                let mut known = KNOWN.iter().filter(|(known, _)| name.eq_ignore_ascii_case(known));
                match (known.next()?.1, is_taken) {
                    (bit, true) => codings.taken |= bit,
                    (IDENTITY, false) => codings.taken &= !IDENTITY,
                    (bit, false) => codings.refused |= bit,
                }
            }
        }
        Some(codings)
    }

    pub(super) fn to_bytes(self) -> [u8; 2] {
        [self.taken, self.refused]
    }
}

/// Whether a weight such as `q=0.5` is above zero; `None` if it is malformed.
fn weight_of(weight: &str) -> Option<bool> {
    let (name, number) = weight.split_once('=')?;
    let number = number.trim();
    let is_number =
        !number.is_empty() && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    let is_more = number.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    (name.trim().eq_ignore_ascii_case("q") && is_number).then_some(is_more)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Option<Codings> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        Codings::of(&headers)
    }

    #[test]
    fn the_same_codings_are_the_same_set() {
        let all = of(&["gzip, br"]);
        for same in
            [&["br,gzip"][..], &["br", "gzip"], &["GZIP;q=0.1, br ; Q=1"], &["x-gzip,br,br,,"]]
        {
            assert_eq!(of(same), all, "{same:?}");
        }
        let sets = [
            &["gzip"][..],
            &["br"],
            &["gzip, br"],
            &["*"],
            &[""],
            &["gzip, identity;q=0"],
            &["*, gzip;q=0"],
        ];
        for (at, one) in sets.iter().enumerate() {
            assert!(of(one).is_some(), "{one:?}");
            assert!(sets[..at].iter().all(|other| of(other) != of(one)), "{one:?}");
        }
        assert_eq!(of(&["identity"]), of(&[""]));
    }

    #[test]
    fn what_cannot_be_read_is_not_read() {
        for bad in ["gzip;q", "gzip;q=x", "gz ip", "gzip;level=1", "gzip;q=", "gzip, other"] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
    }
}
