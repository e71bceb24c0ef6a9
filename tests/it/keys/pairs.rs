//! All pairs of providers.

use crate::keys::leaky::Leak;
use crate::keys::oracle::key;
use crate::keys::scene::*;

const FORMS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

fn pairs() -> Vec<Pair> {
    let all = providers();
    let each = all.iter().flat_map(|from| all.iter().map(move |to| (from, to)));
    let others = each.filter(|(from, to)| from.slug() != to.slug());
    others
        .map(|(from, to)| Pair { from: from.slug().to_owned(), to: to.slug().to_owned() })
        .collect()
}

/// A key in a header, with its prefix if there is one.
fn header(name: &str, owner: &str) -> (String, String) {
    let word = if name == "authorization" { "Bearer " } else { "" };
    (name.to_owned(), format!("{word}{}", key(owner)))
}

/// The ways in which a client sends a key or not.
fn brought(owner: &str) -> Vec<(Vec<(String, String)>, String)> {
    let query = format!("?key={}", key(owner));
    let mut ways: Vec<_> =
        FORMS.iter().map(|form| (vec![header(form, owner)], String::new())).collect();
    ways.push((FORMS.iter().map(|form| header(form, owner)).collect(), query.clone()));
    // With a key only in the query, the stored one is still added.
    ways.push((Vec::new(), query));
    ways.push((Vec::new(), String::new()));
    ways
}

/// The number of troubles per request. They alternate, so that over all pairs each request meets
/// each trouble.
const TURNS: usize = 3;

async fn check(turn: usize, pair: &Pair, sent: &[Sent], least: usize) {
    let kinds = TROUBLES.iter().flat_map(|trouble| [(*trouble, false), (*trouble, true)]);
    let mut kinds = kinds.cycle().skip(turn);
    for sent in sent {
        for (trouble, both) in kinds.by_ref().take(TURNS) {
            let seen = pair.send(sent, trouble, both, Leak::Nowhere).await;
            if let Err(leak) = seen.check(slug) {
                panic!("{pair:?} {trouble:?} {sent:?}\n{leak}");
            }
            let expected = if matches!(trouble, Trouble::Redirect) { 1 } else { least };
            assert!(seen.calls.len() >= expected, "{pair:?} {trouble:?} {sent:?}");
            let reached = seen.calls.iter().any(|call| slug(call.authority()) == pair.to);
            assert_eq!(reached, expected > 1, "{pair:?} {trouble:?} {sent:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fallback_chains_keep_keys_apart() {
    for (turn, pair) in pairs().into_iter().enumerate() {
        let from = &*pair.from;
        let mut sent = Vec::new();
        for (headers, query) in brought(from) {
            sent.push(Sent {
                path: format!("/v1/acct/gw/{from}/v1/chat/completions{query}"),
                headers: headers.clone(),
                body: r#"{"model":"m"}"#.to_owned(),
            });
            sent.push(Sent {
                path: format!("/v1/acct/gw/compat/chat/completions{query}"),
                headers,
                body: format!(r#"{{"model":"{from}/m"}}"#),
            });
        }
        // There, even a key that looks like the provider's is not used.
        sent.push(Sent {
            path: "/client/v4/accounts/acct/ai/v1/messages".to_owned(),
            headers: vec![header("authorization", "gateway"), header("x-api-key", "nobody")],
            body: format!(r#"{{"model":"{from}/m"}}"#),
        });
        check(turn, &pair, &sent, 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_routes_use_no_client_keys() {
    for (turn, pair) in pairs().into_iter().enumerate() {
        let sent = brought("nobody").into_iter().map(|(mut headers, query)| {
            headers.push(header("x-acme-key", "nobody"));
            Sent {
                path: format!("/v1/acct/gw/compat/responses{query}"),
                headers,
                body: r#"{"model":"dynamic/r"}"#.to_owned(),
            }
        });
        check(turn, &pair, &sent.collect::<Vec<_>>(), 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn entries_use_their_own_keys() {
    for (turn, pair) in pairs().into_iter().enumerate() {
        let Pair { from, to } = &pair;
        let sent = brought(from).into_iter().map(|(headers, query)| {
            let own: Vec<_> =
                headers.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
            let own = own.join(",");
            let body = format!(
                r#"[{{"provider":"{from}","endpoint":"v1/chat/completions{query}","headers":{{{own}}},"query":{{"model":"m"}}}},
                    {{"provider":"{to}","endpoint":"v1/chat/completions","query":{{"model":"m"}}}},
                    {{"provider":"compat","endpoint":"chat/completions","headers":{{{own}}},"query":{{"model":"{from}/m"}}}},
                    {{"provider":"compat","endpoint":"chat/completions","query":{{"model":"{to}/m"}}}}]"#
            );
            let mut headers: Vec<_> = FORMS.iter().map(|form| header(form, "nobody")).collect();
            headers.push(header("x-acme-key", "nobody"));
            Sent { path: format!("/v1/acct/gw?key={}", key("nobody")), headers, body }
        });
        check(turn, &pair, &sent.collect::<Vec<_>>(), 2).await;
    }
}
