//! No text takes much more time than any other of its length, whatever it repeats.

use std::time::{Duration, Instant};

use super::credential::{ENDINGS, NAMES, PASSWORDS, PREFIXES};
use super::text::clean;
use super::value::SCHEMES;
use proptest::prelude::*;

/// What may stand before, between and after names and values.
const MARKS: [&str; 20] = [
    ":", "=", "\"", "'", "[", ",", ";", "&", "/", "-", " ", "\n", "\\", "\\\"", "\\n", "\\u003a",
    "\\u003d", "\\u0022", "\\u006b", "://",
];

const OTHERS: [&str; 8] =
    ["bearer ", ";base64,", "?key=", "&key=", "x-api-key", "API_KEY_2", "\\u002d", "a"];

/// How many times longer than [`most`] a text may take. Quadratic time is far longer.
const GENEROUS: u32 = 6;

/// Every prefix, name and scheme.
fn words() -> Vec<&'static str> {
    let prefixes = PREFIXES.iter().map(|(prefix, _)| *prefix);
    prefixes.chain(NAMES).chain(ENDINGS).chain(PASSWORDS).chain(SCHEMES).chain(OTHERS).collect()
}

fn time(part: &str, length: usize) -> Duration {
    let text = part.repeat(length.div_ceil(part.len()));
    let begun = Instant::now();
    clean(&text, false);
    begun.elapsed()
}

/// The time of a text of this length that takes long: at each of its escapes a key may begin.
fn most(length: usize) -> Duration {
    (0..3).map(|_| time("csk-\\u002f", length)).max().unwrap_or_default()
}

/// If a text takes too long, both are measured again: the machine may be busy.
fn is_linear(part: &str, length: usize, most: Duration) -> bool {
    time(part, length) <= most * GENEROUS
        || (0..5).any(|_| time(part, length) <= self::most(length) * GENEROUS)
}

#[test]
fn every_word_and_mark_may_be_repeated() {
    let length = 1 << 16;
    let most = most(length);
    for part in words().into_iter().chain(MARKS) {
        assert!(is_linear(part, length, most), "{part}: {:?}", time(part, length));
    }
}

#[test]
fn every_pair_of_them_may_be_repeated() {
    let length = 1 << 14;
    let most = most(length);
    for first in words().into_iter().chain(MARKS) {
        for second in MARKS {
            let part = format!("{first}{second}");
            assert!(is_linear(&part, length, most), "{part}: {:?}", time(&part, length));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn any_few_of_them_may_be_repeated(
        word in prop::sample::select(words()),
        marks in prop::collection::vec(prop::sample::select(MARKS.to_vec()), 1..4),
        other in prop::sample::select(words()),
        more in prop::collection::vec(prop::sample::select(MARKS.to_vec()), 0..3),
    ) {
        let part = [word, &marks.concat(), other, &more.concat()].concat();
        let length = 1 << 16;
        prop_assert!(is_linear(&part, length, most(length)), "{}", part);
    }
}
