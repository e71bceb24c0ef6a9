//! Connections through a proxy: HTTP CONNECT or SOCKS 5 for https, the absolute form for http.

use std::future::ready;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tower::BoxError;
use tower_service::Service;

use super::dial::implied_port;
use super::dial::{Dial, Dialer, Dialing, Stream};
use super::error::{Cause, ClientError};
use super::options::Versions;
use super::via_proxy::ViaProxy;

/// The proxies set by the host or the environment. Holds passwords.
#[derive(Clone, Default)]
pub(super) struct ProxyOptions {
    http: String,
    https: String,
    all: String,
    no: String,
}

impl ProxyOptions {
    /// Reads what curl reads, upper case first. Reads nothing in a CGI program: there a client's
    /// `Proxy` header becomes `HTTP_PROXY`.
    pub(super) fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("REQUEST_METHOD").is_some() {
            return Self::default();
        }
        let either = |name: &str| {
            let value = variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
            value.unwrap_or_default()
        };
        Self {
            http: either("HTTP_PROXY"),
            https: either("HTTPS_PROXY"),
            all: either("ALL_PROXY"),
            no: either("NO_PROXY"),
        }
    }

    pub(super) fn all(url: String) -> Self {
        Self { all: url, ..Self::default() }
    }

    pub(super) fn except(mut self, hosts: String) -> Self {
        self.no = hosts;
        self
    }

    /// The rules, if a proxy is set.
    ///
    /// An unknown proxy is an error: ignoring it would send requests around the proxy.
    pub(super) fn rules(&self) -> Result<Option<Arc<Matcher>>, ClientError> {
        for url in [&self.http, &self.https, &self.all] {
            let proxy = Matcher::builder().all(url).build();
            let proxy = proxy.intercept(&Uri::from_static("http://any"));
            let is_known = proxy.is_some_and(|proxy| {
                matches!(proxy.uri().scheme_str(), Some("http" | "https" | "socks5" | "socks5h"))
            });
            if !url.is_empty() && !is_known {
                return Err(Cause::ProxyUrl.into());
            }
        }
        if self.http.is_empty() && self.https.is_empty() && self.all.is_empty() {
            return Ok(None);
        }
        let rules = Matcher::builder().http(&self.http).https(&self.https).all(&self.all);
        Ok(Some(Arc::new(rules.no(&self.no).build())))
    }
}

/// How plain http requests are sent through a proxy.
pub(super) struct Forwarding {
    /// Without userinfo (RFC 9110, 4.2.4).
    pub(super) authority: Authority,
    pub(super) authorization: Option<HeaderValue>,
}

/// `Some` if requests to that origin are sent to a proxy as they are.
pub(super) fn forwarding(
    rules: &Matcher,
    scheme: &Scheme,
    authority: &Authority,
) -> Option<Forwarding> {
    if *scheme != Scheme::HTTP {
        return None;
    }
    let uri =
        Uri::builder().scheme(scheme.clone()).authority(authority.clone()).path_and_query("/");
    let proxy = rules.intercept(&uri.build().ok()?)?;
    is_http(&proxy).then(|| Forwarding {
        authority: authority
            .as_str()
            .rsplit_once('@')
            .and_then(|(_, host)| host.parse().ok())
            .unwrap_or_else(|| authority.clone()),
        authorization: proxy.basic_auth().cloned(),
    })
}

fn is_http(proxy: &Intercept) -> bool {
    matches!(proxy.uri().scheme_str(), Some("http" | "https"))
}

/// Connects through the proxy that the rules name, or directly.
pub(super) struct Proxied {
    pub(super) rules: Arc<Matcher>,
    /// For upstreams without a proxy, and for proxies.
    pub(super) direct: Dialer,
    /// For proxies that are reached over TLS.
    pub(super) secure: Dialer,
    pub(super) versions: Versions,
}

impl Dial for Proxied {
    fn dial(&self, uri: Uri) -> Dialing {
        let Some(proxy) = self.rules.intercept(&uri) else { return self.direct.dial(uri) };
        let is_plain = uri.scheme() == Some(&Scheme::HTTP);
        let to_proxy = match proxy.uri().scheme() == Some(&Scheme::HTTPS) {
            true => self.secure.clone(),
            false => self.direct.clone(),
        };
        match is_http(&proxy) {
            true if is_plain && self.versions == Versions::Http2 => {
                let error = "HTTP/2 without TLS cannot use a proxy";
                failed(ViaProxy::from(io::Error::other(error)))
            }
            true if is_plain => {
                let dialing = to_proxy.dial(proxy.uri().clone());
                Box::pin(async move { dialing.await.map_err(ViaProxy::wrap) })
            }
            true => tunnel(&proxy, to_proxy, uri),
            false => socks(&proxy, to_proxy, &uri),
        }
    }
}

fn tunnel(proxy: &Intercept, to_proxy: Dialer, uri: Uri) -> Dialing {
    let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
    if let Some(authorization) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let tunneling = tunnel.call(uri);
    Box::pin(async move { tunneling.await.map_err(|error| ViaProxy::wrap(error.into())) })
}

fn socks(proxy: &Intercept, to_proxy: Dialer, uri: &Uri) -> Dialing {
    let mut socks = SocksV5::new(proxy.uri().clone(), to_proxy);
    // With `socks5h` the proxy resolves the name. hyper-util's own resolution would block the
    // thread.
    let resolves_here = proxy.uri().scheme_str() == Some("socks5");
    socks = socks.local_dns(false);
    if let Some((user, password)) = proxy.raw_auth() {
        socks = socks.with_auth(user.to_owned(), password.to_owned());
    }
    let Some(uri) = with_port(uri) else {
        return failed(ViaProxy::from(io::Error::other("the URI has no host")));
    };
    Box::pin(async move {
        let uri = match resolves_here {
            true => resolved(uri).await.map_err(ViaProxy::from)?,
            false => uri,
        };
        let connecting = socks.call(uri);
        let refused = |_| ViaProxy::from(io::Error::other("the SOCKS proxy did not connect"));
        connecting.await.map_err(|error| refused(error).into())
    })
}

/// Replaces the host name by an address.
async fn resolved(uri: Uri) -> io::Result<Uri> {
    let host = uri.host().unwrap_or_default();
    if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
        return Ok(uri);
    }
    let addresses = tokio::net::lookup_host((host, uri.port_u16().unwrap_or(443))).await?;
    let address = addresses.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
    let mut parts = uri.into_parts();
    parts.authority = Some(address.to_string().parse().map_err(io::Error::other)?);
    Uri::from_parts(parts).map_err(io::Error::other)
}

/// Adds the scheme's default port.
fn with_port(uri: &Uri) -> Option<Uri> {
    let scheme = uri.scheme()?;
    let port = uri.port_u16().unwrap_or_else(|| implied_port(scheme));
    let authority = format!("{}:{port}", uri.host()?);
    Uri::builder().scheme(scheme.clone()).authority(authority).path_and_query("/").build().ok()
}

fn failed(error: ViaProxy) -> Dialing {
    Box::pin(ready(Err::<Stream, BoxError>(error.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> ProxyOptions {
        ProxyOptions::from_env(|name| {
            let known = variables.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| (*value).to_owned())
        })
    }

    fn proxy(variables: &[(&str, &str)], uri: &'static str) -> Option<String> {
        let rules = options(variables).rules().unwrap()?;
        let proxy = rules.intercept(&Uri::from_static(uri))?;
        Some(proxy.uri().to_string())
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let (http, https) = ("http://a.example/", "https://a.example/");
        assert_eq!(proxy(&[], https), None);
        let variables = [("https_proxy", "http://p:3128"), ("HTTP_PROXY", "q:8080")];
        assert_eq!(proxy(&variables, https).as_deref(), Some("http://p:3128/"));
        assert_eq!(proxy(&variables, http).as_deref(), Some("http://q:8080/"));
        let both = [("HTTPS_PROXY", "http://upper"), ("https_proxy", "http://lower")];
        assert_eq!(proxy(&both, https).as_deref(), Some("http://upper/"));
        assert_eq!(proxy(&both, http), None);
        let all = [("ALL_PROXY", "socks5h://s:1080"), ("NO_PROXY", "a.example, 10.0.0.0/8")];
        assert_eq!(proxy(&all, https), None);
        assert_eq!(proxy(&all, "https://10.1.2.3/"), None);
        assert_eq!(proxy(&all, "https://sub.a.example/"), None);
        assert_eq!(proxy(&all, "https://b.example/").as_deref(), Some("socks5h://s:1080/"));
        assert_eq!(proxy(&[("ALL_PROXY", "http://p"), ("no_proxy", "*")], https), None);
        assert_eq!(proxy(&[("HTTP_PROXY", "http://p"), ("REQUEST_METHOD", "GET")], http), None);
    }

    #[test]
    fn an_unknown_proxy_is_an_error() {
        for url in ["ftp://p", "socks4://p", "http://", "::"] {
            assert!(options(&[("ALL_PROXY", url)]).rules().is_err(), "{url}");
            assert!(options(&[("HTTPS_PROXY", url), ("NO_PROXY", "*")]).rules().is_err(), "{url}");
        }
    }

    #[test]
    fn socks_gets_the_default_port_of_the_scheme() {
        let told = |uri| with_port(&Uri::from_static(uri)).unwrap().to_string();
        assert_eq!(told("https://a.example/x"), "https://a.example:443/");
        assert_eq!(told("http://[::1]/x"), "http://[::1]:80/");
        assert_eq!(told("https://a.example:8443/x"), "https://a.example:8443/");
    }
}
