//! Limit rules.

use std::time::Duration;

use super::*;
use crate::settings::limits::{CountBy, LimitRule, OnExceeded, OnStoreFailure, Period, Window};

fn rules(text: &str) -> Result<String, String> {
    let config = Config::from_toml(&format!("[gateways.team]\n{text}"));
    let config = config.map_err(|error| error.to_string())?;
    let table = config.settings();
    let settings = table.get(None, "team").unwrap();
    Ok(format!("{:?}", settings.limits.rules))
}

fn shown(rule: LimitRule) -> String {
    let settings = GatewaySettings::builder().limit(rule).build().unwrap();
    format!("{:?}", settings.limits.rules)
}

#[test]
fn a_rule_of_the_file_is_that_of_the_builder() {
    let minute = Duration::from_secs(60);
    for (text, rule) in [
        ("requests = 5\nper = \"day\"", LimitRule::requests("r", 5, Window::Fixed(Period::Day))),
        ("usd = 1.5\nper = \"month\"", LimitRule::usd("r", 1.5, Window::Fixed(Period::Month))),
        (
            "tokens = 7\nper = \"minute\"\ntechnique = \"sliding\"\nby = [\"token\", \"label:team\"]",
            LimitRule::tokens("r", 7, Window::Sliding(minute))
                .by(CountBy::Token)
                .by(CountBy::label("team")),
        ),
        (
            "output_tokens = 7\nwindow_ms = 60_000\ntechnique = \"bucket\"\nburst = 3\n\
             by = [\"metadata:x\"]",
            LimitRule::output_tokens("r", 7, Window::Bucket { per: minute, burst: 3 })
                .by(CountBy::metadata("x")),
        ),
    ] {
        let text = format!("[[gateways.team.limit]]\nname = \"r\"\n{text}");
        assert_eq!(rules(&text), Ok(shown(rule)), "{text}");
    }
    let text = "[[gateways.team.limit]]\nname = \"r\"\nrequests = 5\nper = \"day\"\n\
                on_exceeded = \"fallback\"\non_store_failure = \"closed\"\nshadow = true\n\
                models = [\"gpt-*\"]\nproviders = [\"xai\"]\nlabels = { team = \"red\" }";
    let config = Config::from_toml(&format!("[gateways.team]\n{text}")).unwrap();
    let table = config.settings();
    let rule = &table.get(None, "team").unwrap().limits.rules[0];
    assert!(rule.is_shadow && rule.on_exceeded == OnExceeded::Fallback);
    assert_eq!(rule.on_store_failure, OnStoreFailure::Closed);
    assert_eq!((&*rule.only.providers[0], &*rule.only.labels[0].1), ("grok", "red"));
}

#[test]
fn mistakes_in_a_rule_are_named() {
    for (text, words) in [
        ("requests = 5\nper = \"day\"", "name"),
        ("name = \"r\"\nrequests = 5", "per"),
        ("name = \"r\"\nper = \"day\"", "one of `requests`"),
        ("name = \"r\"\nrequests = 5\ntokens = 5\nper = \"day\"", "one of `requests`"),
        ("name = \"r\"\nrequests = 0\nper = \"day\"", "2^53"),
        ("name = \"r\"\nrequests = 5\nper = \"year\"", "month"),
        ("name = \"r\"\nrequests = 5\nper = \"day\"\nwindow_ms = 60_000", "keep one"),
        ("name = \"r\"\nrequests = 5\nwindow_ms = 60_000", "fixed"),
        ("name = \"r\"\nrequests = 5\nper = \"day\"\nburst = 3", "bucket"),
        ("name = \"r\"\nrequests = 5\nper = \"day\"\ntechnique = \"bucket\"", "burst"),
        ("name = \"r\"\nrequests = 5\nper = \"day\"\nby = [\"label\"]", "label:NAME"),
        ("name = \"a b\"\nrequests = 5\nper = \"day\"", "A-Z"),
        ("name = \"r\"\nrequests = 5\nper = \"day\"\nproviders = [\"nobody\"]", "no provider"),
        ("name = \"r\"\nrequests = 5\nper = \"day\"\nnonsense = 1", "no setting"),
    ] {
        let error = rules(&format!("[[gateways.team.limit]]\n{text}")).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    let twice = "[[gateways.team.limit]]\nname = \"r\"\nrequests = 5\nper = \"day\"\n";
    assert!(rules(&twice.repeat(2)).unwrap_err().contains("same name"));
}

#[test]
fn a_route_names_limits_that_there_are() {
    let route = "[[gateways.team.routes]]\nname = \"thrifty\"\nstart = \"spend\"\n\
                 [gateways.team.routes.nodes.spend]\ntype = \"budget\"\nlimit = \"r\"\n\
                 then = \"big\"\nelse = \"small\"\n\
                 [gateways.team.routes.nodes.big]\ntype = \"model\"\nprovider = \"grok\"\n\
                 model = \"a\"\n[gateways.team.routes.nodes.small]\ntype = \"model\"\n\
                 provider = \"grok\"\nmodel = \"b\"\n";
    let rule = "[[gateways.team.limit]]\nname = \"r\"\nusd = 5.0\nper = \"day\"\n";
    assert!(rules(&format!("{rule}{route}")).is_ok());
    assert!(rules(&format!("{rule}{}", route.replace("budget", "rate_limit"))).is_ok());
    assert!(rules(route).unwrap_err().contains("`r`"));
}
