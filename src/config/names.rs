//! The names of providers and stored keys that the settings of a gateway may refer to.

use crate::config::error::ConfigFileErrorKind as Kind;
use crate::config::place::{Located, Mistake, Source, Text};
use crate::config::providers::Providers;

pub(super) struct Names<'c> {
    pub(super) source: &'c Source<'c>,
    pub(super) providers: &'c Providers,
    /// The gateway's own stored keys; empty until they are read.
    pub(super) aliases: Aliases,
}

/// The slug and the alias of each stored key of a gateway.
#[derive(Default)]
pub(super) struct Aliases(pub(super) Vec<(String, String)>);

impl Aliases {
    pub(super) fn has(&self, slug: Option<&str>, alias: &str) -> bool {
        self.0.iter().any(|(of, known)| known == alias && slug.is_none_or(|slug| slug == of))
    }

    /// Refuses an alias that no key (of provider `slug`, if given) has. The alias is not repeated
    /// in the error: it may be the key itself.
    pub(super) fn check(&self, slug: Option<&str>, alias: &Text) -> Result<(), Mistake> {
        if self.has(slug, alias.get_ref()) {
            return Ok(());
        }
        Err(alias.refuse(Kind::UnknownAlias, unknown_alias(slug)))
    }
}

pub(super) fn unknown_alias(slug: Option<&str>) -> String {
    let of = slug.map(|slug| format!(" of `{slug}`")).unwrap_or_default();
    format!("the gateway has no stored key{of} with this alias")
}
