//! Which web pages may use a gateway that requires no token.

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};

const FETCH_SITE: &str = "sec-fetch-site";

/// The origins, other than the gateway's own, whose pages may use its stored keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    allowed: Vec<Box<str>>,
    /// `*`
    allows_all: bool,
}

impl Origins {
    /// Allows an origin: a scheme, a host, and a port unless it is the default. Returns false if it
    /// is not an origin.
    pub(crate) fn allow(&mut self, origin: &str) -> bool {
        if origin == "*" {
            self.allows_all = true;
            return true;
        }
        let uri = origin.parse::<Uri>().ok();
        let is_whole = uri.is_some_and(|uri| {
            let is_bare =
                uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
            is_bare && uri.scheme().is_some() && uri.path_and_query().is_none_or(|path| path == "/")
        });
        if is_whole && !origin.ends_with('/') {
            self.allowed.push(origin.to_ascii_lowercase().into());
            return true;
        }
        false
    }

    /// Returns true if a request comes from an allowed page, the gateway's own origin, or no page.
    ///
    /// Browsers send `origin` or `sec-fetch-site`, which a page cannot forge; other clients send
    /// neither. `host` is the client's, if it has been removed from the headers.
    pub(crate) fn trust(&self, headers: &HeaderMap, host: Option<&HeaderValue>, uri: &Uri) -> bool {
        if self.allows_all {
            return true;
        }
        let host = host.or_else(|| headers.get(HOST));
        let mut origins = headers.get_all(ORIGIN).iter().peekable();
        let mut sites = headers.get_all(FETCH_SITE).iter().peekable();
        let says_own = sites.peek().is_some();
        let is_own_site = sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
        if origins.peek().is_none() {
            return is_own_site;
        }
        origins.all(|origin| {
            let Ok(origin) = origin.to_str() else { return false };
            let is_allowed = self.allowed.iter().any(|known| known.eq_ignore_ascii_case(origin));
            let is_own = || match says_own {
                true => is_own_site && origin != "null",
                false => is_of(origin, host, uri),
            };
            is_allowed || is_own()
        })
    }
}

/// Returns true if an origin is the one that the request was sent to.
fn is_of(origin: &str, host: Option<&HeaderValue>, uri: &Uri) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let Some(authority) = origin.authority() else { return false };
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    host.as_ref().or(uri.authority()).is_some_and(|own| own == authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    fn is_allowed(allowed: &[&str], headers: &[(&'static str, &'static str)]) -> bool {
        let mut origins = Origins::default();
        assert!(allowed.iter().all(|origin| origins.allow(origin)));
        let mut map = HeaderMap::new();
        map.insert(HOST, HeaderValue::from_static("gateway.test:8787"));
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        origins.trust(&map, None, &Uri::from_static("/v1"))
    }

    #[test]
    fn pages_from_elsewhere_are_told_from_all_else() {
        const ELSEWHERE: &str = "https://page.test";
        for good in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://gateway.test:8787")],
            &[("origin", "https://front.test"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(is_allowed(&[], good), "{good:?}");
        }
        for bad in [
            &[("origin", ELSEWHERE)][..],
            &[("origin", "null")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("origin", "")],
            &[("origin", "http://gateway.test")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("origin", "http://gateway.test:8787"), ("sec-fetch-site", "cross-site")],
            &[("origin", "http://gateway.test:8787"), ("origin", ELSEWHERE)],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!is_allowed(&[], bad), "{bad:?}");
            assert!(is_allowed(&["*"], bad), "{bad:?}");
        }
        let both = [("origin", ELSEWHERE), ("sec-fetch-site", "cross-site")];
        assert!(is_allowed(&["HTTPS://page.test"], &both));
        assert!(!is_allowed(&["https://page.test.evil", "http://page.test"], &both));
    }

    #[test]
    fn only_an_origin_can_be_allowed() {
        for wrong in [
            "",
            "null",
            "page.test",
            "https://",
            "https://a/",
            "https://a/b",
            "https://u@a",
            "https://a?b",
        ] {
            assert!(!Origins::default().allow(wrong), "{wrong}");
        }
    }
}
