//! The account and the gateway that a path names.

use std::ops::Range;

use http::HeaderMap;

use crate::directives;

/// The gateway of requests that name none.
const DEFAULT_GATEWAY: &str = "default";

/// A part of the request's path, by its offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathSpan {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl PathSpan {
    /// The offsets of `part`, which must be a slice of `path`.
    pub(super) fn of(path: &str, part: &str) -> Self {
        let start = part.as_ptr().addr().saturating_sub(path.as_ptr().addr());
        // hyper refuses URIs of 64 KiB and more.
        Self { start: start as u32, end: (start + part.len()) as u32 }
    }

    pub(crate) fn text(self, path: &str) -> &str {
        path.get(Range { start: self.start as usize, end: self.end as usize }).unwrap_or_default()
    }
}

/// The account and the gateway that a path names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatewayPath {
    pub(crate) account: Option<PathSpan>,
    pub(crate) gateway: Option<PathSpan>,
    /// The gateway is named by `cf-aig-gateway-id`, not by the path.
    pub(crate) gateway_by_header: bool,
}

impl GatewayPath {
    /// The account in the path, and the gateway in the path or in the header, else `default`.
    pub(crate) fn ids<'a>(
        self,
        path: &'a str,
        headers: &'a HeaderMap,
    ) -> (Option<&'a str>, &'a str) {
        let account = self.account.map(|account| account.text(path));
        (account, self.gateway_id(path, || directives::gateway_id(headers)))
    }

    /// The id of the gateway in the path or in the header, else `default`.
    pub(crate) fn gateway_id<'a>(
        self,
        path: &'a str,
        named: impl FnOnce() -> Option<&'a str>,
    ) -> &'a str {
        let in_path = self.gateway.map(|gateway| gateway.text(path));
        let in_header = || if self.gateway_by_header { named() } else { None };
        in_path.or_else(in_header).unwrap_or(DEFAULT_GATEWAY)
    }
}
