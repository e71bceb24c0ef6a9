//! Every relevant change of a request changes its key, and no other change does.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::settings::cache::CacheSettings;

/// The parts of a generated request. One more byte in any of them makes another request.
#[derive(Clone, Debug)]
struct Parts {
    account: String,
    gateway: String,
    provider: usize,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    credential: String,
    identity: String,
    body: Vec<u8>,
}

const PROVIDERS: [&str; 3] = ["grok", "openai", "custom-acme"];

fn parts() -> impl Strategy<Value = Parts> {
    let header = ("x-q[a-z]{1,3}", "[a-c]{0,3}");
    (
        ("[a-c]{1,3}", "[a-c]{1,3}", 0..PROVIDERS.len(), "[a-c]{1,3}", "[a-c]{0,3}"),
        prop::collection::vec(header, 0..4),
        ("k[a-c]{1,3}", "[a-c]{1,3}"),
        prop::collection::vec(any::<u8>(), 0..24),
    )
        .prop_map(|((account, gateway, provider, path, query), headers, caller, body)| {
            let (credential, identity) = caller;
            Parts { account, gateway, provider, path, query, headers, credential, identity, body }
        })
}

impl Parts {
    fn place(&self) -> CachePlace {
        let Self { account, gateway, path, query, .. } = self;
        let provider = PROVIDERS[self.provider];
        let mut scene = Scene::new()
            .settings(|builder| {
                builder.cache(CacheSettings::new(std::time::Duration::from_secs(60)))
            })
            .without("authorization")
            .with("authorization", &format!("Bearer {}", self.credential))
            .identity(&self.identity)
            .uri(format!(
                "/v1/{account}/{gateway}/{provider}/v1/models/{path}:generateContent?{query}"
            ))
            .body(self.body.clone());
        for (name, value) in &self.headers {
            scene = scene.with(name, value);
        }
        scene.place()
    }

    /// Adds, removes or changes one byte in the part with this number.
    fn change(&mut self, part: usize, at: &Index, how: usize) {
        let text = |text: &mut String, least: usize| {
            let at = at.index(text.len().max(1));
            match how {
                0 if text.len() > least => drop(text.remove(at.min(text.len() - 1))),
                1 if !text.is_empty() => {
                    let at = at.min(text.len() - 1);
                    let other = if text.as_bytes()[at] == b'a' { "b" } else { "a" };
                    text.replace_range(at..=at, other);
                }
                _ => text.insert(text.len().min(at), 'd'),
            }
        };
        match part {
            0 => text(&mut self.account, 1),
            1 => text(&mut self.gateway, 1),
            2 => self.provider = (self.provider + 1) % PROVIDERS.len(),
            3 => text(&mut self.path, 1),
            // Upstream, an empty query is no query, so it stays empty.
            4 => text(&mut self.query, 1),
            5 => text(&mut self.credential, 2),
            6 => text(&mut self.identity, 1),
            7 => match self.headers.is_empty() {
                true => self.headers.push(("x-qa".into(), "a".into())),
                false => {
                    let number = at.index(self.headers.len());
                    text(&mut self.headers[number].1, 0);
                }
            },
            8 => self.headers.push(("x-qzzzz".into(), String::new())),
            _ => match (how, self.body.len()) {
                (0, 1..) => drop(self.body.remove(at.index(self.body.len()))),
                (1, length @ 1..) => self.body[at.index(length)] ^= 1 << at.index(8),
                _ => self.body.insert(at.index(self.body.len() + 1), b'x'),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn one_byte_separates(parts in parts(), part in 0..10_usize, at: Index, how in 0..3_usize) {
        let mut other = parts.clone();
        other.change(part, &at, how);
        // Removing one of two equal bytes is the same as removing the other.
        let is_same = format!("{parts:?}") == format!("{other:?}");
        prop_assert_eq!(parts.place().key == other.place().key, is_same, "{:?} {:?}", parts, other);
    }

    #[test]
    fn the_order_of_different_names_does_not_matter(parts in parts(), seed: u64) {
        let mut other = parts.clone();
        // Lines with the same name keep their order.
        other.headers.sort_by_key(|(name, _)| {
            name.bytes().fold(seed, |sum, byte| sum.rotate_left(9) ^ u64::from(byte))
        });
        prop_assert_eq!(parts.place(), other.place());
    }

    /// Moves the last byte of one part to the start of the next.
    #[test]
    fn a_byte_that_moves_to_the_next_part_separates(parts in parts(), from in 0..5_usize) {
        let mut other = parts.clone();
        let Parts { account, gateway, path, query, credential, identity, body, .. } = &mut other;
        let (from, to) = match from {
            0 => (account, gateway),
            1 => (path, query),
            2 => (credential, identity),
            3 => (gateway, path),
            _ => {
                let Some(last) = query.pop() else { return Ok(()) };
                body.insert(0, last as u8);
                prop_assert_ne!(parts.place().key, other.place().key);
                return Ok(());
            }
        };
        if from.len() < 2 {
            return Ok(());
        }
        let last = from.pop().unwrap();
        to.insert(0, last);
        prop_assert_ne!(parts.place().key, other.place().key);
    }
}
