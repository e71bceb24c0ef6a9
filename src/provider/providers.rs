//! All providers of a layer, by slug and by alias.

use std::sync::Arc;

use super::{Provider, Upstream};
use crate::util::config_error::ConfigError;

/// All providers of a layer, by slug and by alias.
#[derive(Debug)]
pub(crate) struct Providers(Box<[(Box<str>, Arc<Upstream>)]>);

impl Providers {
    pub(crate) fn new(providers: Vec<Provider>) -> Result<Self, ConfigError> {
        let mut named: Vec<(Box<str>, Arc<Upstream>)> = Vec::new();
        for provider in providers {
            let names: Vec<Box<str>> = std::iter::once(&provider.slug)
                .chain(&provider.aliases)
                .map(|name| Box::from(&**name))
                .collect();
            let upstream = Arc::new(Upstream::new(provider)?);
            for name in names {
                if named.iter().any(|(taken, _)| *taken == name) {
                    return Err(ConfigError::DuplicateSlug { slug: name.into() });
                }
                named.push((name, upstream.clone()));
            }
        }
        if named.is_empty() {
            return Err(ConfigError::NoProvider);
        }
        Ok(Self(named.into()))
    }

    /// No providers: the settings of the layer have them.
    pub(crate) fn none() -> Self {
        Self(Box::default())
    }

    /// The provider for a path after a provider's name, and the path as that provider expects it. If
    /// the path names a site (a resource or region), this is the provider set up for that site.
    ///
    /// # Errors
    ///
    /// The name of the site, if no provider is set up for it.
    pub(crate) fn at_site<'p, 'r>(
        &'p self,
        upstream: &'p Arc<Upstream>,
        rest: &'r str,
    ) -> Result<(&'p Arc<Upstream>, &'r str), &'r str> {
        let Some(site) = &upstream.provider.site else { return Ok((upstream, rest)) };
        let Some((name, behind)) = site.family.named(rest) else { return Ok((upstream, rest)) };
        let all = self.0.iter().map(|(_, upstream)| upstream);
        let is_there = |one: &&Arc<Upstream>| {
            one.provider.site.as_ref().is_some_and(|other| other.is(name, site))
        };
        let found = std::iter::once(upstream).chain(all).find(is_there);
        found.map(|found| (found, behind.trim_start_matches('/'))).ok_or(name)
    }

    /// Each provider once.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Upstream> {
        let own = self.0.iter().filter(|(name, upstream)| **name == *upstream.slug());
        own.map(|(_, upstream)| &**upstream)
    }

    /// A dozen short names: comparing lengths first beats hashing.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, upstream)| upstream)
    }
}
