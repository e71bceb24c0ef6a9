//! The example file shows every setting.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::meaning::{EXAMPLE, with_what_it_leaves_out};
use super::*;
use crate::settings::route::RouteBuilder;

/// Keys below these have names that the file chooses.
const NAMED: [&str; 5] = ["providers", "gateways", "provider_timeouts", "keys", "nodes"];
/// Keys below the first can also be below the second.
const ALIKE: [(&str, &str); 2] = [("gateways", "default"), ("timeouts", "provider_timeouts")];
/// Keys that combine conditions. They stand beside fields of any name, so no error lists them.
const COMBINED: [&str; 3] = ["all", "any", "not"];

#[test]
fn the_example_shows_every_key_that_the_reader_knows() {
    let (text, _identity) = with_what_it_leaves_out();
    read(&text).unwrap();
    let mut known = keys_of_tables(&text);
    known.extend(keys_of_routes());
    for name in ["cache_key", "event_id", "otel_trace_id", "otel_parent_span_id"] {
        assert!(known.remove(&format!("gateways.defaults.{name}")), "{name} is only refused");
    }
    assert!(known.len() > 120, "only {} keys: they are no longer written down", known.len());
    let shown = shown(EXAMPLE);
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "not in examples/gateway/gateway.toml: {missing:#?}");
}

/// The keys of all tables. Serde lists the known keys in the error for an unknown one, so this adds
/// one to each table in turn.
fn keys_of_tables(text: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for number in 0.. {
        let mut tree = DeValue::Table(DeTable::parse(text).unwrap().into_inner());
        let Some(table) = plant(&mut tree, "", &mut { number }) else { break };
        let DeValue::Table(tree) = tree else { unreachable!() };
        let Err(error) = File::deserialize(Deserializer::from(Spanned::new(0..0, tree))) else {
            continue;
        };
        // `keys_of_routes` lists the fields that a condition may test.
        let is_test = table.contains(".condition.");
        if error.message().starts_with("unknown field `nonsense`") && !is_test {
            let known = names(error.message()).into_iter();
            keys.extend(known.map(|name| general(&dotted(&table, &name))));
        }
    }
    keys
}

/// Adds `nonsense` to the table with this number, and returns the table's key.
fn plant(value: &mut DeValue<'_>, key: &str, number: &mut usize) -> Option<String> {
    match value {
        DeValue::Table(entries) if *number == 0 => {
            let nonsense = Spanned::new(0..0, DeValue::Boolean(true));
            entries.insert(Spanned::new(0..0, "nonsense".into()), nonsense);
            Some(key.to_owned())
        }
        DeValue::Table(entries) => {
            *number -= 1;
            let mut entries = entries.iter_mut();
            entries.find_map(|(name, value)| {
                plant(value.get_mut(), &dotted(key, name.get_ref()), number)
            })
        }
        DeValue::Array(elements) => {
            elements.iter_mut().find_map(|element| plant(element.get_mut(), key, number))
        }
        _ => None,
    }
}

fn dotted(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The keys of routes, from serde's errors for unknown keys.
fn keys_of_routes() -> Vec<String> {
    const ROUTE: &str = "gateways.routes";
    const NODE: &str = "gateways.routes.nodes";
    let node = |text: &str| expected(&format!("name = \"r\"\n[nodes.n]\n{text}"));
    let under = |prefix: &str, names: Vec<String>| -> Vec<String> {
        names.into_iter().map(|name| format!("{prefix}.{name}")).collect()
    };
    let mut keys = under(ROUTE, expected("name = \"r\"\nnonsense = 1"));
    keys.push(format!("{NODE}.type"));
    for kind in node("type = \"nonsense\"") {
        let line = format!("type = \"{kind}\"");
        assert!(EXAMPLE.contains(&line), "not in examples/gateway/gateway.toml: {line}");
        keys.extend(under(NODE, node(&format!("{line}\nnonsense = 1"))));
    }
    let share = "type = \"percentage\"\nshares = [{ nonsense = 1 }]";
    keys.extend(under(&format!("{NODE}.shares"), node(share)));
    let test = "type = \"conditional\"\ncondition = { \"metadata.a\" = { nonsense = 1 } }";
    let condition = format!("{NODE}.condition");
    keys.extend(under(&condition, node(test)));
    keys.extend(under(&condition, COMBINED.map(str::to_owned).into()));
    keys
}

/// The keys that would be valid in place of `nonsense`.
fn expected(route: &str) -> Vec<String> {
    let error = toml::from_str::<RouteBuilder>(route).unwrap_err();
    let message = error.message();
    assert!(message.contains("`nonsense`"), "{route}: {message}");
    names(message)
}

fn names(message: &str) -> Vec<String> {
    // Every other piece is between backticks; the first one is `nonsense`.
    message.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect()
}

/// The keys in a text with their sections, including those in comments: `name = `, and the contents
/// of inline tables.
fn shown(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // For each open brace, its key and the last key in it.
    let mut levels = vec![(String::new(), String::new())];
    for line in text.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        let name = line.trim_start_matches('[');
        if line.starts_with('[') && name.starts_with(|first: char| first.is_ascii_lowercase()) {
            let section = name.split(']').next().unwrap();
            found.extend(beginnings(section));
            levels = vec![(section.to_owned(), String::new())];
            continue;
        }
        let is_name = |of: char| of.is_ascii_alphanumeric() || "_-.".contains(of);
        let (mut rest, mut word) = (line, "");
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
                first if is_name(first) => rest.find(|of| !is_name(of)).unwrap_or(rest.len()),
                first => first.len_utf8(),
            };
            let token;
            (token, rest) = rest.split_at(length);
            let (prefix, last) = levels.last_mut().unwrap();
            match first {
                '=' if !word.is_empty() => {
                    *last =
                        if prefix.is_empty() { word.into() } else { format!("{prefix}.{word}") };
                    found.extend(beginnings(last));
                }
                '{' => {
                    let prefix = last.clone();
                    levels.push((prefix, String::new()));
                }
                '}' if levels.len() > 1 => drop(levels.pop()),
                // A quoted key is a name that the file chooses.
                '"' => word = "*",
                first if is_name(first) => word = token,
                ' ' => {}
                _ => word = "",
            }
        }
    }
    found
}

/// For `a.b.c`: `a`, `a.b` and `a.b.c`.
fn beginnings(key: &str) -> impl Iterator<Item = String> {
    let ends = key.match_indices('.').map(|(at, _)| at).chain([key.len()]);
    ends.map(|end| general(&key[..end]))
}

/// A key without the names that the file chooses and without indices of lists. Tables of the same
/// type get the same name.
fn general(key: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = key.split('.').map(|part| part.split('[').next().unwrap()).peekable();
    let mut is_own_name = false;
    while let Some(part) = rest.next() {
        let is_last = rest.peek().is_none();
        let same = ALIKE.into_iter().find(|(_, other)| *other == part && !is_last);
        if is_last || !(is_own_name || part == "*" || COMBINED.contains(&part)) {
            parts.push(same.map_or(part, |(same, _)| same));
        }
        is_own_name = !is_own_name && NAMED.contains(&part);
    }
    parts.join(".")
}

#[test]
fn keys_are_seen_wherever_they_stand() {
    let text = r#"
        top = "not = this"   # or "that"
        [providers.a]
        b = { c = 1, "x.y" = { d = 2 } } # or { e = 3 }
        # f = 4     # or: g = 5
        # [default.h]
        # i = [
        #   { j = 6 },
        # ]
        [gateways.k]
        l.m = 7
        keys = [{ n = 8 }]
        [[gateways.k.keys]]
        o = 9
    "#;
    let keys = [
        "top",
        "providers",
        "providers.a",
        "providers.b",
        "providers.b.c",
        "providers.b.*",
        "providers.b.d",
        "providers.b.e",
        "providers.f",
        "providers.g",
        "default",
        "gateways.h",
        "gateways.h.i",
        "gateways.h.i.j",
        "gateways",
        "gateways.k",
        "gateways.l",
        "gateways.l.m",
        "gateways.keys",
        "gateways.keys.n",
        "gateways.keys.o",
    ];
    assert_eq!(shown(text), keys.map(str::to_owned).into());
    assert_eq!(general("gateways.team.keys.grok.alias"), "gateways.keys.alias");
    assert_eq!(general("gateways.team.keys[0].alias"), "gateways.keys.alias");
    assert_eq!(general("default.provider_timeouts.local.head_ms"), "gateways.timeouts.head_ms");
}
