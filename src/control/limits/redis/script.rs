//! The Lua scripts of the limits, and the arguments of their calls.

use std::time::Duration;

use super::super::{Claim, Counter, ReservationId};
use super::settle::Settle;
use crate::control::redis::{Call, Script};
use crate::settings::limits::{Period, Window};
use crate::util::hex;

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    reserve: Script,
    settle: Script,
    standing: Script,
}

/// The first line declares what a script does (Redis 7). If there is no memory or nothing can be
/// written, Redis then refuses the whole script and does not stop in its middle. Settlements free
/// memory and always run.
macro_rules! script {
    ($first:literal, $file:literal) => {
        concat!($first, "\n", include_str!("counter.lua"), include_str!($file))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            reserve: Script::new(script!("#!lua", "reserve.lua")),
            settle: Script::new(script!("#!lua flags=allow-oom", "settle.lua")),
            standing: Script::new(script!("#!lua flags=allow-oom", "standing.lua")),
        }
    }

    pub(super) fn reserve(&self, keys: &Keys, id: ReservationId, claims: &[Claim]) -> Call<'_> {
        let mut call = Call::new(&self.reserve, 1 + 7 * claims.len());
        keys.add(&mut call, claims.iter().map(|claim| claim.counter));
        call.text(&hex(&id.0.to_be_bytes()));
        for claim in claims {
            add_window(&mut call, claim.window, claim.limit);
            call.number(claim.amount);
            call.number(claim.lease.map_or(0, lease_millis));
            call.number(claim.is_shadow.into());
        }
        call
    }

    /// All of `reservations` are of one gateway.
    pub(super) fn settle(&self, keys: &Keys, reservations: &[Settle]) -> Call<'_> {
        let settlements = || reservations.iter().flat_map(|reservation| &reservation.settlements);
        let mut call = Call::new(&self.settle, 10 * settlements().count());
        keys.add(&mut call, settlements().map(|settlement| settlement.claim.counter));
        for reservation in reservations {
            let id = hex(&reservation.id.0.to_be_bytes());
            for settlement in &reservation.settlements {
                call.text(&id);
                add_window(&mut call, settlement.claim.window, settlement.claim.limit);
                call.number(settlement.claim.amount);
                call.number(settlement.claim.lease.map_or(0, lease_millis));
                call.number(settlement.at);
                call.number(settlement.spent);
                call.number(reservation.is_repeated.into());
            }
        }
        call
    }

    pub(super) fn standing(
        &self,
        keys: &Keys,
        counter: Counter,
        window: Window,
        limit: u64,
        back: Back,
    ) -> Call<'_> {
        let mut call = Call::new(&self.standing, 6);
        keys.add(&mut call, [counter].into_iter());
        add_window(&mut call, window, limit);
        match back {
            Back::Nothing => call.text(b""),
            Back::All => call.text(b"all"),
            Back::Amount(amount) => call.number(amount),
        }
        if !matches!(back, Back::Nothing) {
            call.text(&hex(&fastrand::u64(..).to_be_bytes()));
        }
        call
    }
}

/// What is given back of a counter.
#[derive(Clone, Copy)]
pub(super) enum Back {
    Nothing,
    Amount(u64),
    All,
}

/// The names of keys: `prefix:v2:{gateway}:counter`, and `…:h` for its holds, `…:h:call` for what must not
/// be counted again. All keys of a gateway are in one slot of a cluster.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: Box<[u8]>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{prefix}:v2:{{").into_bytes().into() }
    }

    fn add(&self, call: &mut Call<'_>, counters: impl Iterator<Item = Counter> + Clone) {
        for counter in counters.clone() {
            self.name(call, counter, b"");
        }
        for counter in counters {
            self.name(call, counter, b":h");
        }
    }

    fn name(&self, call: &mut Call<'_>, counter: Counter, end: &[u8]) {
        call.keys.push_with(|bytes| {
            bytes.extend_from_slice(&self.prefix);
            hex::push(bytes, &counter.gateway);
            bytes.extend_from_slice(b"}:");
            hex::push(bytes, &counter.id);
            bytes.extend_from_slice(end);
        });
    }
}

/// Adds the four arguments for the window of a counter.
fn add_window(call: &mut Call<'_>, window: Window, limit: u64) {
    let (kind, span, burst) = match window {
        Window::Fixed(period) => (1, period_number(period), 0),
        Window::Sliding(length) => (2, millis(length), 0),
        Window::Bucket { per, burst } => (3, millis(per), burst),
    };
    call.number(kind);
    call.number(span);
    call.number(limit);
    call.number(burst);
}

fn period_number(period: Period) -> u64 {
    match period {
        Period::Minute => 1,
        Period::Hour => 2,
        Period::Day => 3,
        Period::Week => 4,
        Period::Month => 5,
    }
}

/// Milliseconds, rounded up, at least 1.
fn millis(duration: Duration) -> u64 {
    let part = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
    duration.as_secs().saturating_mul(1000).saturating_add(part).max(1)
}

/// The milliseconds of a lease, at most a year, so that its key expires some day.
fn lease_millis(lease: Duration) -> u64 {
    millis(lease).min(366 * 24 * 60 * 60 * 1000)
}

fn hex<const N: usize>(bytes: &[u8; N]) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * N);
    hex::push(&mut text, bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> Counter {
        Counter { gateway: [0xab; 8], id: [0x01; 16] }
    }

    #[test]
    fn keys_of_a_gateway_have_one_hash_tag_and_a_version() {
        let scripts = Scripts::new();
        let keys = Keys::new("taig");
        let call = scripts.standing(&keys, counter(), Window::Fixed(Period::Day), 7, Back::Nothing);
        let names: Vec<_> = call.keys.iter().map(String::from_utf8_lossy).collect();
        let name = "taig:v2:{abababababababab}:01010101010101010101010101010101";
        assert_eq!(names, [name.to_owned(), format!("{name}:h")]);
    }

    #[test]
    fn numbers_that_a_script_cannot_count_to_are_cut() {
        let scripts = Scripts::new();
        let window = Window::Bucket { per: Duration::MAX, burst: u64::MAX };
        let keys = Keys::new("taig");
        let call = scripts.standing(&keys, counter(), window, u64::MAX, Back::Amount(u64::MAX));
        let words: Vec<_> = call.arguments.iter().map(String::from_utf8_lossy).collect();
        let largest = "9007199254740991";
        assert_eq!(words[..5], ["3", largest, largest, largest, largest]);
    }
}
