//! Settings that refer to providers, keys and nodes: unknown names are reported where they are
//! used.

use super::refusals::{of_gateway, says};
use super::*;

#[test]
fn unknown_providers_and_aliases_are_found_where_they_are_named() {
    let key = "[[gateways.team.keys]]\nprovider = \"grok\"\nalias = \"own\"\nenv = \"HAS_A\"\n";
    let fallback = "[[gateways.team.fallback]]\nmodels = \"*\"\n";
    let node = "[[gateways.team.routes]]\nname = \"r\"\nstart = \"m\"\n\
                [gateways.team.routes.nodes.m]\ntype = \"model\"\nmodel = \"m\"\n";
    let provider = "no provider has this name, neither a built-in one nor one in [providers]";
    let alias = "no stored key";
    for (text, start, part) in [
        (
            "allow_providers = [\"grok\",\n\"acme\"]".into(),
            "line 4, gateways.team.allow_providers[1]: ",
            provider,
        ),
        (
            "keys = [{ provider = \"acme\" }]".into(),
            "line 3, gateways.team.keys[0].provider: ",
            provider,
        ),
        (
            "provider_timeouts.acme = {}".into(),
            "line 3, gateways.team.provider_timeouts.acme: ",
            provider,
        ),
        (
            "[gateways.team.concurrency.providers]\nacme = { limit = 1 }".into(),
            "line 4, gateways.team.concurrency.providers.acme: ",
            provider,
        ),
        (
            format!("{fallback}provider = \"acme\""),
            "line 5, gateways.team.fallback[0].provider: ",
            provider,
        ),
        (
            format!("{fallback}steps = [\n{{ provider = \"acme\" }}]"),
            "line 6, gateways.team.fallback[0].steps[0].provider: ",
            provider,
        ),
        (
            format!("{key}{fallback}steps = [{{ provider = \"openai\", key_alias = \"own\" }}]"),
            "line 9, gateways.team.fallback[0].steps[0].key_alias: ",
            "no stored key of `openai` with this alias",
        ),
        (
            format!("{key}{fallback}steps = [{{ model = \"a\", key_alias = \"other\" }}]"),
            "line 9, gateways.team.fallback[0].steps[0].key_alias: ",
            alias,
        ),
        (
            format!("{key}[gateways.team.defaults]\nbyok_alias = \"other\""),
            "line 8, gateways.team.defaults.byok_alias: ",
            alias,
        ),
        (
            format!("{node}provider = \"acme\""),
            "line 9, gateways.team.routes.r.nodes.m.provider: ",
            provider,
        ),
        (
            format!("{node}provider = \"grok\"\nkey_alias = \"own\""),
            "line 10, gateways.team.routes.r.nodes.m.key_alias: ",
            "no stored key of `grok`",
        ),
    ] {
        says(&of_gateway(&text), start, part);
    }
    for good in [
        format!("{key}{fallback}steps = [{{ model = \"a\", key_alias = \"own\" }}]"),
        format!(
            "{key}{fallback}provider = \"xai\"\nsteps = [{{ model = \"a\", key_alias = \"own\" }}]"
        ),
        format!("{key}{node}provider = \"xai\"\nkey_alias = \"own\""),
    ] {
        let gateway = "[gateways.team]\nauthenticated_elsewhere = true\n";
        read(&format!("{gateway}{good}")).unwrap();
    }
}

#[test]
fn mistakes_in_routes_are_found_at_their_nodes() {
    let route = "[[gateways.team.routes]]\nname = \"r\"\nstart = \"m\"\n\
                 [gateways.team.routes.nodes.m]\ntype = \"model\"\nprovider = \"grok\"\n";
    let of = |rest: &str| of_gateway(&format!("{route}{rest}"));
    says(
        &of("model = \"m\"\nattempts = 9"),
        "line 6, gateways.team.routes.r.nodes.m: ",
        "9 attempts",
    );
    says(
        &of("model = \"m\"\nfallback = \"x\""),
        "line 6, gateways.team.routes.r.nodes.m: ",
        "leads to `x`",
    );
    says(&of("model = \"m\"\nattempts = \"x\""), "line ", "invalid type");
    says(&of_gateway("routes = [1]"), "line 3, gateways.team.routes[0]: ", "invalid type");
    let twice = format!("{route}model = \"m\"\n{route}model = \"m\"");
    says(&of_gateway(&twice), "line 10, gateways.team.routes.r: ", "version `1` is there twice");
    let no_start = "[[gateways.team.routes]]\nname = \"r\"";
    says(&of_gateway(no_start), "line 3, gateways.team.routes.r: ", "which node is first");
}
