//! A checked provider.

use std::fmt;

#[cfg(feature = "otel")]
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Uri};

use super::api_kind::ApiKind;
use super::fixed::Fixed;
use super::layout::Layout;
use super::usage_option::UsageOption;
use super::{KeyHeader, Origin, Provider};
use crate::util::config_error::ConfigError;
use crate::util::operation::Operation;

pub(crate) struct Upstream {
    pub(super) provider: Provider,
    first: Origin,
    further: Box<[Origin]>,
    key_header: KeyHeader,
    /// Boxed: most providers have none.
    fixed: Option<Box<Fixed>>,
    usage_option: UsageOption,
    /// The slug, as a header.
    slug: HeaderValue,
}

/// The maximum length of a model name in a body.
const LONGEST_MODEL: usize = 1024;

impl Upstream {
    pub(crate) fn new(mut provider: Provider) -> Result<Self, ConfigError> {
        let slug = || provider.slug.clone();
        let names = std::iter::once(&provider.slug).chain(&provider.aliases);
        if let Some(name) = names.into_iter().find(|name| !is_slug(name)) {
            return Err(ConfigError::Slug { slug: name.clone() });
        }
        let unusable = |reason| ConfigError::BaseUrl { slug: slug(), reason };
        if let Some(reason) = provider.mistake {
            return Err(unusable(reason));
        }
        let origin = |number, base_url: &str, weight| {
            Origin::new(number, base_url, &provider, weight).map_err(unusable)
        };
        let first = origin(0, &provider.base_url, provider.weight)?;
        let further = provider.further_base_urls.iter().zip(1_usize..);
        let further = further.map(|((base_url, weight), number)| {
            let number = u16::try_from(number).map_err(|_| unusable("there are too many"))?;
            origin(number, base_url, *weight)
        });
        let further = further.collect::<Result<_, _>>()?;
        let key_header = KeyHeader::parse(provider.key_header.as_deref())
            .ok_or_else(|| ConfigError::KeyHeader { slug: slug() })?;
        let fixed = Fixed::new(&provider, &key_header)?;
        for (index, (alias, model)) in provider.model_aliases.iter().enumerate() {
            let is_name = |name: &str| (1..=LONGEST_MODEL).contains(&name.len());
            let is_twice = provider.model_aliases[..index].iter().any(|(other, _)| other == alias);
            if is_twice || !is_name(alias) || !is_name(model) {
                return Err(ConfigError::ModelAlias { slug: slug(), alias: alias.clone() });
            }
        }
        let usage_option = UsageOption::new(provider.kind, provider.asks_for_usage);
        if !provider.merge_repeated_segments {
            provider.layout = Layout::Plain;
        }
        let slug = HeaderValue::try_from(&provider.slug)
            .map_err(|_| ConfigError::Slug { slug: provider.slug.clone() })?;
        Ok(Self { provider, first, further, key_header, fixed, usage_option, slug })
    }

    pub(crate) fn slug(&self) -> &str {
        &self.provider.slug
    }

    /// The slug, as the value of a header.
    pub(crate) fn slug_value(&self) -> &HeaderValue {
        &self.slug
    }

    /// The slug of the built-in provider that it is; `None` for a custom one.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        self.provider.kind
    }

    /// Returns true if `name` is the slug or an alias.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.provider.answers_to(name)
    }

    /// Its slug and its aliases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.provider.slug).chain(&self.provider.aliases).map(String::as_str)
    }

    /// Its own form of a path after the slug, if the client's form differs.
    pub(crate) fn rewritten(&self, rest: &str) -> Option<String> {
        if self.provider.layout == Layout::Plain {
            return None;
        }
        self.provider.layout.rewritten(rest)
    }

    /// Returns true if its model names are chosen by their owners and do not reveal the model.
    pub(crate) fn names_deployments(&self) -> bool {
        self.provider.layout == Layout::Azure
    }

    /// Returns true if this path decides the model, whatever the body names.
    pub(crate) fn decides_by_path(&self, rest: &str) -> bool {
        self.provider.layout.decides(rest)
    }

    /// The origin that is used unless a layer chooses among [`origins`](Self::origins).
    pub(crate) fn origin(&self) -> &Origin {
        &self.first
    }

    /// The URI of a path in one of its two APIs, with the fixed query parameters. A native path must
    /// have passed [`join::check`](super::join::check).
    pub(crate) fn uri_by(&self, way: ApiKind, path: &str, query: Option<&str>) -> Option<Uri> {
        match &self.fixed {
            None => self.first.uri_by(way, path, query),
            Some(fixed) => self.first.uri_by(way, path, fixed.query(query).as_deref()),
        }
    }

    /// Sets the fixed headers of a request, in place of the client's.
    pub(crate) fn insert_fixed(&self, headers: &mut HeaderMap) {
        if let Some(fixed) = &self.fixed {
            fixed.insert_headers(headers);
        }
    }

    /// Removes the fixed headers from a request that is sent to another provider instead.
    pub(crate) fn remove_fixed(&self, headers: &mut HeaderMap) {
        if let Some(fixed) = &self.fixed {
            fixed.remove_headers(headers);
        }
    }

    /// Returns true if the host declares zero data retention for it.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.provider.keeps_nothing
    }

    /// The model of an alias.
    pub(crate) fn model_of(&self, alias: &str) -> Option<&str> {
        let found = self.provider.model_aliases.iter().find(|(name, _)| name == alias);
        found.map(|(_, model)| model.as_str())
    }

    /// Returns true if it has more than one origin.
    pub(crate) fn has_several_origins(&self) -> bool {
        !self.further.is_empty()
    }

    /// All its origins.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> + Clone {
        std::iter::once(&self.first).chain(&self.further)
    }

    /// The origin of a URI, or else the first.
    pub(crate) fn origin_of(&self, uri: &Uri) -> &Origin {
        // Of several on one host, the longest base URL.
        let at = self.origins().filter(|origin| origin.rest(uri).is_some());
        at.max_by_key(|origin| origin.base().len()).unwrap_or(&self.first)
    }

    /// What is known about the option that asks for the usage of streams.
    pub(crate) fn usage_option(&self) -> &UsageOption {
        &self.usage_option
    }

    /// The header for a stored key. `path`: after the slug.
    pub(crate) fn key_header(&self, way: ApiKind, path: &str) -> &KeyHeader {
        let takes_bearer = match way {
            ApiKind::OpenAi(operation) => {
                self.provider.openai_takes_bearer && operation != Operation::Messages
            }
            ApiKind::Native => self.provider.bearer_paths.include(path),
        };
        if takes_bearer { &KeyHeader::Bearer } else { &self.key_header }
    }

    /// The header for a stored key in its own API.
    pub(crate) fn own_key_header(&self) -> &KeyHeader {
        &self.key_header
    }

    /// All headers that a stored key may be sent in.
    pub(crate) fn key_headers(&self) -> impl Iterator<Item = &KeyHeader> {
        let bearer = self.provider.openai_takes_bearer.then_some(&KeyHeader::Bearer);
        std::iter::once(&self.key_header).chain(bearer)
    }

    /// Returns true if it reads a key from the query, as Google's APIs do.
    pub(crate) fn reads_key_in_query(&self) -> bool {
        self.key_header.name() == "x-goog-api-key"
            || self.first.host_name.ends_with(".googleapis.com")
    }

    /// The `host` header of requests to this provider.
    pub(crate) fn host(&self) -> &HeaderValue {
        &self.first.host
    }

    /// The host name of the origin with this number, without a port.
    pub(crate) fn host_name(&self, number: u16) -> &str {
        let origin = usize::from(number).checked_sub(1).and_then(|at| self.further.get(at));
        &origin.unwrap_or(&self.first).host_name
    }

    /// The host without brackets, and the port, implied or not.
    #[cfg(feature = "otel")]
    pub(crate) fn server(&self) -> (&str, u16) {
        let host = self.host_name(0).trim_start_matches('[').trim_end_matches(']');
        let usual = if self.first.scheme == Scheme::HTTP { 80 } else { 443 };
        (host, self.first.authority.port_u16().unwrap_or(usual))
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { scheme, authority, native, .. } = &self.first;
        write!(f, "{} at {scheme}://{authority}{}", self.slug(), native.path())
    }
}

/// Returns true if `name` may be a slug or an alias.
pub(crate) fn is_slug(name: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    (1..=64).contains(&name.len())
        && name.bytes().all(is_plain)
        && !matches!(name, "." | ".." | "compat" | "dynamic" | "custom-")
}
