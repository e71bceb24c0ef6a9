//! Digests of several parts.

use sha2::{Digest as _, Sha256};

/// Adds parts to a digest, each preceded by its length, so that different lists never give the same
/// bytes.
pub(crate) fn add_parts(digest: &mut Sha256, parts: &[&[u8]]) {
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_split_differently_have_different_digests() {
        let of = |parts: &[&[u8]]| {
            let mut digest = Sha256::new();
            add_parts(&mut digest, parts);
            <[u8; 32]>::from(digest.finalize())
        };
        let all = [of(&[b"ab", b"c"]), of(&[b"a", b"bc"]), of(&[b"abc"]), of(&[b"abc", b""])];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one), "{at}");
        }
    }
}
