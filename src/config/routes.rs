//! `[[gateways.….routes]]`: dynamic routes.

use toml::Spanned;

use super::error::ConfigFileErrorKind as Kind;
use super::names::{Names, unknown_alias};
use super::place::{Located, Mistake};
use super::providers::NO_PROVIDER;
use crate::settings::route::{DynamicRoutes, RouteBuilder};

pub(super) fn read(
    raw: Vec<Spanned<RouteBuilder>>,
    names: &Names<'_>,
) -> Result<DynamicRoutes, Mistake> {
    let mut routes = DynamicRoutes::new();
    for raw in raw {
        let place = Spanned::new(raw.span(), ());
        let route = raw.into_inner().build().map_err(|error| {
            let node = error.node().into_iter().flat_map(|node| ["nodes", node]);
            place.refuse(Kind::Route, error.kind()).below(node)
        })?;
        for (name, model) in route.models() {
            let of = |member| ["nodes", name, member];
            let Some(slug) = names.providers.find(&model.provider) else {
                let unknown = place.refuse(Kind::UnknownProvider, NO_PROVIDER);
                return Err(unknown.below(of("provider")));
            };
            if let Some(alias) = &model.key_alias
                && !names.aliases.has(Some(&slug), alias)
            {
                let unknown = place.refuse(Kind::UnknownAlias, unknown_alias(Some(&slug)));
                return Err(unknown.below(of("key_alias")));
            }
        }
        routes.add(route).map_err(|error| place.refuse(Kind::Duplicate, error.kind()))?;
    }
    Ok(routes)
}
