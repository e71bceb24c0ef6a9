//! The board is bounded, forgets who was not seen for longest, and shows what was spent.

use super::shard::{COUNTERS, PER_RULE, RULES};
use super::*;
use crate::settings::limits::{CountBy, Limits, Period};

const DAY: Window = Window::Fixed(Period::Day);

fn rule(name: &str) -> LimitRule {
    let mut limits = Limits::default();
    limits.add(LimitRule::requests(name, 10, DAY).by(CountBy::Subject)).unwrap();
    limits.rules.remove(0)
}

fn claim(gateway: u8, number: u64) -> Claim {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    let counter = Counter { gateway: [gateway; 8], id };
    Claim { counter, window: DAY, limit: 10, amount: 1, lease: None, is_shadow: false }
}

fn sees(board: &Board, rule: &LimitRule, claim: Claim, used: u64) {
    for number in board.missing(&[claim]) {
        assert_eq!(number, 0);
        let values = [format!("user-{:?}", claim.counter.id).into_boxed_str()];
        board.add(rule, (Some("acct"), "gw"), &claim, values.into());
    }
    let standing = Standing {
        used,
        is_exceeded: used > 10,
        resets_after: Duration::from_secs(60),
        ..Standing::default()
    };
    let decision = Decision { is_granted: true, at: system_now(), standings: vec![standing] };
    board.decided(&[claim], &decision, |_| claim.is_shadow);
}

#[test]
fn a_flood_of_callers_leaves_those_that_were_seen_last() {
    let (board, rule) = (Board::default(), rule("flooded"));
    for number in 0..50_000 {
        sees(&board, &rule, claim(1, 0), 9);
        sees(&board, &rule, claim(1, 1 + number), 1);
        if number % 1000 == 0 {
            assert!(lock(&board.0[1]).counters.len() <= PER_RULE);
        }
    }
    let seen = board.look(3);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].counters <= PER_RULE && seen[0].counters > PER_RULE / 2);
    assert_eq!(seen[0].top.len(), 3);
    assert_eq!(seen[0].top[0].used, 9, "it was seen all the time");
    let shard = lock(&board.0[1]);
    assert_eq!(shard.rules.values().map(|row| row.counters).sum::<usize>(), shard.counters.len());
}

#[test]
fn a_flood_of_rules_is_bounded_too() {
    let board = Board::default();
    for number in 0..600 {
        let rule = rule(&format!("rule-{number}"));
        for caller in 0..40 {
            sees(&board, &rule, claim(1, 1000 * number + caller), 1);
        }
    }
    let shard = lock(&board.0[1]);
    assert!(shard.rules.len() <= RULES && shard.counters.len() <= COUNTERS);
    assert_eq!(shard.rules.values().map(|row| row.counters).sum::<usize>(), shard.counters.len());
}

#[test]
fn refusals_are_summed_and_the_fullest_rule_is_first() {
    let (board, one, other) = (Board::default(), rule("one"), rule("other"));
    sees(&board, &one, claim(1, 1), 3);
    sees(&board, &other, claim(2, 2), 11);
    sees(&board, &other, Claim { is_shadow: true, ..claim(2, 2) }, 12);
    board.store_failed(&[claim(2, 2)]);
    let seen = board.look(5);
    let names: Vec<_> = seen.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["other", "one"]);
    let expected = Sums { refused: 1, would_refuse: 1, store_failures: 1 };
    assert_eq!((seen[0].sums, seen[1].sums), (expected, Sums::default()));
    assert_eq!(board.sums(), expected);
    assert_eq!(seen[0].by, ["subject"]);
}

#[test]
fn what_was_spent_is_shown_and_what_is_over_is_not() {
    let (board, rule) = (Board::default(), rule("spent"));
    let claim = Claim { amount: 8, ..claim(1, 1) };
    sees(&board, &rule, claim, 8);
    board.settled(&[Settlement { claim, at: 0, spent: 2 }]);
    assert_eq!(board.look(1)[0].top[0].used, 2);
    board.found(&claim.counter, &Standing { used: 7, ..Standing::default() });
    assert_eq!(board.look(1)[0].top[0].used, 0, "nothing counts on");
}
