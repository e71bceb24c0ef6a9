//! Helpers of the tests: scripted peers on real sockets, and a gateway between them.
//!
//! Nothing here sleeps. All waits for a peer use [`guard`], so that a hanging test fails and names
//! what it waited for.

#[cfg(all(feature = "client", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
pub mod authority;
#[cfg(feature = "cache")]
pub mod cache_seed;
pub mod client;
#[cfg(feature = "otel")]
pub mod collector;
#[cfg(feature = "control")]
pub mod controlled;
pub mod ends;
pub mod every_thread;
#[cfg(feature = "limits")]
pub mod failing_store;
pub mod frames;
#[cfg(feature = "client")]
pub mod gateway;
pub mod hyper_upstream;
#[cfg(feature = "jwt")]
pub mod issuer;
pub mod memory;
pub mod message;
#[cfg(feature = "client")]
pub mod metered;
#[cfg(feature = "cache")]
pub mod older;
#[allow(dead_code, reason = "some features need only some of it")]
pub mod polling;
pub mod program;
pub mod raw_upstream;
mod reading;
pub mod scrape;
pub mod scripted;
pub mod small_disk;
pub mod timed;
pub mod wire;
pub mod written;

use std::future::Future;

use polling::TOO_LONG;

/// The output of `step`, or a panic that names what never came.
pub async fn guard<F: Future>(what: &str, step: F) -> F::Output {
    match tokio::time::timeout(TOO_LONG, step).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// Bytes without a short period, so that lost, repeated and swapped parts are detected.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Compares bodies, and fails without printing megabytes.
#[track_caller]
pub fn assert_same_bytes(got: &[u8], expected: &[u8], what: &str) {
    if got == expected {
        return;
    }
    let at = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(20).min(bytes.len())..bytes.len().min(at + 40)];
        String::from_utf8_lossy(part).into_owned()
    };
    panic!(
        "{what}: {} bytes instead of {}, different from byte {at} on: {:?} instead of {:?}",
        got.len(),
        expected.len(),
        near(got),
        near(expected)
    );
}
