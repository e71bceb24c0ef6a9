//! The content codings that a client accepts.

use http::HeaderValue;

const IDENTITY: u8 = 64;

/// The bit of a known coding. A header with an unknown coding goes into the key as it is.
fn bit(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"gzip" | b"x-gzip" => 1,
        b"deflate" => 2,
        b"br" => 4,
        b"zstd" => 8,
        b"compress" => 16,
        b"*" => 32,
        b"identity" => IDENTITY,
        _ if name.iter().any(u8::is_ascii_uppercase) => bit(&name.to_ascii_lowercase())?,
        _ => return None,
    })
}

/// The codings that `accept-encoding` accepts, whatever their spelling, order and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codings {
    taken: u8,
    /// Refused by `q=0`. `identity` has no bit here: it is accepted unless it is refused.
    refused: u8,
}

impl Codings {
    /// `None` if a coding is unknown or malformed.
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Self> {
        let mut codings = Self { taken: IDENTITY, refused: 0 };
        for value in lines {
            let elements = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            for element in elements.filter(|element| !element.is_empty()) {
                let (name, weight) = halves(element, b';');
                let is_taken = weight.map_or(Some(true), weight_of)?;
                match (bit(name.trim_ascii_end())?, is_taken) {
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

/// The text before a mark, and the text after it.
fn halves(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let mut halves = text.splitn(2, |byte| *byte == mark);
    (halves.next().unwrap_or_default(), halves.next())
}

/// Whether a weight such as `q=0.5` is above zero; `None` if it is malformed.
fn weight_of(weight: &[u8]) -> Option<bool> {
    let (name, number) = halves(weight, b'=');
    let number = number?.trim_ascii();
    let is_number =
        !number.is_empty() && number.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    let is_more = number.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    (name.trim_ascii().eq_ignore_ascii_case(b"q") && is_number).then_some(is_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&'static str]) -> Option<Codings> {
        let lines: Vec<_> = values.iter().copied().map(HeaderValue::from_static).collect();
        Codings::of(lines.iter())
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
