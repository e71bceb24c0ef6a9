//! The home of a session: weighted rendezvous hashing.
//!
//! Each session ranks all targets by a hash of session and target, so all processes rank alike and
//! nothing is remembered. A new target takes sessions evenly from all others, and no session moves
//! between the others.
//!
//! Integers only: a floating-point logarithm may differ in its last bits between platforms.

/// The identity of a base URL with a key (by its digest). It does not depend on the order or number
/// of configured targets.
pub(super) fn target(base: &str, key: Option<&[u8; 32]>) -> u64 {
    // FNV-1a, mixed at the end.
    let start = (0xcbf2_9ce4_8422_2325, 0x0000_0100_0000_01b3_u64);
    let hash = base
        .bytes()
        .fold(start.0, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(start.1));
    let key =
        key.and_then(|digest| digest.first_chunk()).map_or(0, |head| u64::from_be_bytes(*head));
    mix(mix(hash) ^ key)
}

/// The distance from a session to a target before weighting: exponentially distributed, in units of
/// 2⁻⁴⁸ bits.
pub(super) fn distance(session: u64, target: u64) -> u64 {
    minus_log2(mix(mix(session) ^ target))
}

/// Returns true if the first distance is shorter for its weight.
pub(super) fn is_nearer((distance, weight): (u64, u32), (other, of): (u64, u32)) -> bool {
    u128::from(distance) * u128::from(of) < u128::from(other) * u128::from(weight)
}

/// The finaliser of SplitMix64: every input bit affects every output bit.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

const FRACTION: u32 = 48;

/// −log₂ of a number read as a fraction of 2⁶⁴, in units of 2⁻⁴⁸.
fn minus_log2(number: u64) -> u64 {
    let number = number | 1;
    let shift = number.leading_zeros();
    // In [1, 2), with 63 fractional bits. Squaring shifts its logarithm by one bit.
    let mut left = number << shift;
    let mut log = u64::from(u64::BITS - 1 - shift);
    for _ in 0..FRACTION {
        let square = u128::from(left) * u128::from(left);
        let is_above = square >> 127 == 1;
        left = (square >> if is_above { 64 } else { 63 }) as u64;
        log = log << 1 | u64::from(is_above);
    }
    (u64::from(u64::BITS) << FRACTION) - log
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSIONS: u64 = 40_000;

    /// The target of each of many sessions.
    fn homes(targets: &[(u64, u32)]) -> Vec<u64> {
        let home = |session: u64| {
            let at = |(target, weight): (u64, u32)| (distance(mix(!session), target), weight);
            let mut best = targets[0];
            for other in targets {
                if is_nearer(at(*other), at(best)) {
                    best = *other;
                }
            }
            best.0
        };
        (0..SESSIONS).map(home).collect()
    }

    fn share(homes: &[u64], of: u64) -> f64 {
        homes.iter().filter(|home| **home == of).count() as f64 / homes.len() as f64
    }

    fn targets(count: u64) -> Vec<(u64, u32)> {
        (0..count).map(|number| (mix(number), 1)).collect()
    }

    /// Four standard deviations.
    #[track_caller]
    fn assert_near(share: f64, expected: f64) {
        let bound = 4.0 * (expected * (1.0 - expected) / SESSIONS as f64).sqrt();
        assert!((share - expected).abs() <= bound, "{share} instead of {expected}");
    }

    #[test]
    fn the_logarithm_is_correct() {
        for number in [1, 3, 1 << 32, u64::MAX / 3, u64::MAX - 1, u64::MAX] {
            let exact = 64.0 - (number as f64).log2();
            let got = minus_log2(number) as f64 / (1_u64 << FRACTION) as f64;
            assert!((got - exact).abs() < 1e-9, "{number}: {got} instead of {exact}");
        }
        assert!(minus_log2(u64::MAX) > 0, "nothing is at no distance: weights would not count");
    }

    #[test]
    fn sessions_share_by_weight() {
        let weighted = [(mix(1), 1), (mix(2), 2), (mix(3), 5), (mix(4), 0)];
        let homes = homes(&weighted);
        for (target, weight) in weighted {
            assert_near(share(&homes, target), f64::from(weight) / 8.0);
        }
    }

    #[test]
    fn a_new_target_takes_its_share_from_all_and_moves_no_other_session() {
        for count in 1..9 {
            let (before, after) = (homes(&targets(count)), homes(&targets(count + 1)));
            let added = mix(count);
            let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
            assert!(moved.iter().all(|(_, to)| **to == added), "a session moved between old ones");
            assert_near(moved.len() as f64 / SESSIONS as f64, 1.0 / (count + 1) as f64);
        }
    }

    #[test]
    fn the_sessions_of_a_removed_target_spread_over_all_others() {
        let (before, after) = (homes(&targets(5)), homes(&targets(4)));
        let of_the_last: Vec<_> = before
            .iter()
            .zip(&after)
            .filter(|(home, _)| **home == mix(4))
            .map(|(_, to)| *to)
            .collect();
        for (target, _) in targets(4) {
            assert!((share(&of_the_last, target) - 0.25).abs() < 0.03);
        }
    }

    /// Replicas of all releases and platforms must agree.
    #[test]
    fn hashes_never_change() {
        let target = target("https://api.x.ai/v1", Some(&[7; 32]));
        assert_eq!(
            (target, distance(1, target)),
            (11_409_943_060_274_414_433, 121_616_470_958_300)
        );
    }

    #[test]
    fn targets_differ_by_url_and_by_key() {
        let all = [
            target("https://a/v1", None),
            target("https://b/v1", None),
            target("https://a/v1", Some(&[1; 32])),
            target("https://a/v1", Some(&[2; 32])),
            target("https://b/v1", Some(&[1; 32])),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    proptest! {
        #[test]
        fn larger_numbers_are_nearer(a in any::<u64>(), b in any::<u64>()) {
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(minus_log2(a) >= minus_log2(b));
        }

        #[test]
        fn two_targets_are_never_both_nearer(
            a in (1_u64..1 << 54, any::<u32>()),
            b in (1_u64..1 << 54, any::<u32>()),
        ) {
            prop_assert!(!(is_nearer(a, b) && is_nearer(b, a)));
        }
    }
}
