//! `[[gateways.….routes]]`

use serde::Deserialize as _;
use toml::de::DeValue;

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::providers::Providers;
use super::redact::complaint;
use super::secrets::Aliases;
use super::section::{Named, Place, Section, offset};
use super::value::deserializer;
use crate::settings::route::{DynamicRoute, DynamicRoutes, Model, RouteBuilder};

pub(super) fn read(
    section: &mut Section<'_>,
    providers: &Providers,
    aliases: &Aliases,
) -> Result<DynamicRoutes, ConfigFileError> {
    let list = section.place.part("routes", 0);
    let mut routes = DynamicRoutes::new();
    for value in section.list("routes")? {
        let (mut place, value) = value.raw();
        if let Some(name) = value.as_table().and_then(|table| table.get("name")?.get_ref().as_str())
        {
            place.called(&list, name);
        }
        let route = route(&place, &value, providers, aliases)?;
        routes.add(route).map_err(|error| place.refuse(Kind::Duplicate, error.kind()))?;
    }
    Ok(routes)
}

fn route(
    place: &Place<'_>,
    value: &DeValue<'_>,
    providers: &Providers,
    aliases: &Aliases,
) -> Result<DynamicRoute, ConfigFileError> {
    let route = RouteBuilder::deserialize(deserializer(value.clone())).map_err(|error| {
        let at = error.span().filter(|span| span.end > 0);
        let place = at.map_or(place.clone(), |span| place.at(span.start));
        place.refuse(Kind::Route, complaint(error.message()))
    })?;
    let route = route.build().map_err(|error| match error.node() {
        Some(node) => node_place(place, value, node, None).refuse(Kind::Route, error.kind()),
        None => place.refuse(Kind::Route, error.kind()),
    })?;
    for node in route.models() {
        check(place, value, node, providers, aliases)?;
    }
    Ok(route)
}

fn check(
    place: &Place<'_>,
    value: &DeValue<'_>,
    (name, model): (&str, &Model),
    providers: &Providers,
    aliases: &Aliases,
) -> Result<(), ConfigFileError> {
    let of = |member| node_place(place, value, name, Some(member));
    let slug = providers.slug_at(&model.provider, &of("provider"))?;
    let Some(alias) = &model.key_alias else { return Ok(()) };
    let alias = Named { place: of("key_alias"), text: alias.to_string() };
    aliases.check(Some(&slug), &alias)
}

/// Where a node stands, or a member of it.
fn node_place<'s>(
    route: &Place<'s>,
    value: &DeValue<'_>,
    node: &str,
    member: Option<&str>,
) -> Place<'s> {
    let of_node = offset(value, &["nodes", node]);
    let place = of_node.map_or(route.clone(), |at| route.part(format_args!("nodes.{node}"), at));
    let Some(member) = member else { return place };
    let at = offset(value, &["nodes", node, member]);
    at.map_or(place.clone(), |at| place.part(member, at))
}
