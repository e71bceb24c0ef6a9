//! The number under which the limits and cached answers of a gateway are found, from its name or place.

use sha2::{Digest as _, Sha256};

use crate::util::digest::add_parts;

const NAMED: u64 = 1 << 63;

/// The scope of a name, the same in every process. Scopes that are only counted are below all of
/// these.
pub(crate) fn scope_of(name: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for part in name {
        add_parts(&mut digest, &[part.as_bytes()]);
    }
    let digest: [u8; 32] = digest.finalize().into();
    digest[..8].iter().fold(0, |scope, byte| scope << 8 | u64::from(*byte)) | NAMED
}

pub(crate) fn is_named(scope: u64) -> bool {
    scope & NAMED != 0
}
