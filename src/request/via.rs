//! `via`: the name and protocol by which a request arrived, for hosts that want providers to know.

use http::header::VIA;
use http::{HeaderMap, HeaderValue, Version};

use crate::util::config_error::ConfigError;

/// The values of `via` for each version in which a request may arrive.
#[derive(Debug)]
pub(crate) struct Via {
    http1_0: HeaderValue,
    http1_1: HeaderValue,
    http2: HeaderValue,
}

impl Via {
    pub(crate) fn new(name: String) -> Result<Self, ConfigError> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let is_name = !name.is_empty() && name.bytes().all(is_plain);
        let value =
            |version| HeaderValue::try_from(format!("{version} {name}")).ok().filter(|_| is_name);
        match (value("1.0"), value("1.1"), value("2")) {
            (Some(http1_0), Some(http1_1), Some(http2)) => Ok(Self { http1_0, http1_1, http2 }),
            _ => Err(ConfigError::Via { name }),
        }
    }

    /// Adds a line after those of earlier proxies. `received`: the HTTP version of the client's request.
    pub(crate) fn append(&self, headers: &mut HeaderMap, received: Version) {
        let value = match received {
            Version::HTTP_2 => &self.http2,
            Version::HTTP_10 => &self.http1_0,
            _ => &self.http1_1,
        };
        headers.append(VIA, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn via_names_the_version_of_the_request() {
        let via = Via::new("gateway.example".to_owned()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(VIA, HeaderValue::from_static("1.0 before"));
        via.append(&mut headers, Version::HTTP_11);
        via.append(&mut headers, Version::HTTP_2);
        let lines: Vec<_> = headers.get_all(VIA).iter().collect();
        assert_eq!(lines, ["1.0 before", "1.1 gateway.example", "2 gateway.example"]);
        for name in ["", "a b", "a,b", "\u{e9}"] {
            assert_eq!(
                Via::new(name.to_owned()).unwrap_err(),
                ConfigError::Via { name: name.to_owned() }
            );
        }
    }
}
