//! Which codings of a body a client takes.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// The codings that `accept-encoding` takes, each once and in order, however a client writes and ranks
/// them; `None` where that cannot be read.
pub(super) fn accepted(headers: &HeaderMap) -> Option<String> {
    let mut taken = vec!["identity".to_owned()];
    for value in headers.get_all(ACCEPT_ENCODING) {
        let elements = value.to_str().ok()?.split(',').map(str::trim);
        for element in elements.filter(|element| !element.is_empty()) {
            let (name, weight) = match element.split_once(';') {
                Some((name, weight)) => (name.trim_end(), weight_of(weight)?),
                None => (element, true),
            };
            let name = match name.to_ascii_lowercase() {
                name if name == "x-gzip" => "gzip".to_owned(),
                name if is_token(&name) => name,
                _ => return None,
            };
            // Refusals count where they change something: of all others, and of what stands unasked.
            match (weight, &*name) {
                (true, _) => taken.push(name),
                (false, "identity") => taken.retain(|taken| taken != "identity"),
                (false, _) => taken.push(format!("no {name}")),
            }
        }
    }
    taken.sort_unstable();
    taken.dedup();
    Some(taken.join(","))
}

/// Whether `q=0.5` is more than nothing; `None` if it is no weight.
fn weight_of(weight: &str) -> Option<bool> {
    let (name, number) = weight.split_once('=')?;
    let number = number.trim();
    let is_number =
        !number.is_empty() && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    let is_more = number.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    (name.trim().eq_ignore_ascii_case("q") && is_number).then_some(is_more)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"*-_.!#$%&'+^`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        accepted(&headers)
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
        for bad in ["gzip;q", "gzip;q=x", "gz ip", "gzip;level=1", "gzip;q="] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
    }
}
