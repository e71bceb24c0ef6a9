//! The scripts, and what they are asked with.

use std::time::Duration;

use redis::{Cmd, Script};

use super::super::{Claim, Counter, ReservationId};
use super::error::{FailureKind, LinkError};
use super::link::Link;
use super::queue::Settle;
use crate::settings::limits::{Period, Window};

/// The largest number that a script, which has nothing but doubles, counts to exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    reserve: Source,
    settle: Source,
    standing: Source,
}

#[derive(Debug)]
struct Source {
    text: &'static str,
    /// By which the server knows it.
    hash: Box<str>,
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().into() }
    }
}

/// A script that says what it does (Redis 7) is refused as a whole where there is no memory or nothing can
/// be written, and not in its midst. Settlements free memory and are always let through.
macro_rules! script {
    ($first:literal, $file:literal) => {
        concat!($first, "\n", include_str!("counter.lua"), include_str!($file))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            reserve: Source::new(script!("#!lua", "reserve.lua")),
            settle: Source::new(script!("#!lua flags=allow-oom", "settle.lua")),
            standing: Source::new(script!("#!lua flags=allow-oom", "standing.lua")),
        }
    }

    pub(super) fn reserve(&self, keys: &Keys, id: ReservationId, claims: &[Claim]) -> Call<'_> {
        let mut call = Call::new(&self.reserve, 1 + 7 * claims.len());
        keys.add(&mut call, claims.iter().map(|claim| claim.counter));
        call.text(&hex(&id.0.to_be_bytes()));
        for claim in claims {
            call.window(claim.window, claim.limit);
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
                call.window(settlement.claim.window, settlement.claim.limit);
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
        let mut call = Call::new(&self.standing, 5);
        keys.add(&mut call, [counter].into_iter());
        call.window(window, limit);
        match back {
            Back::Nothing => call.text(b""),
            Back::All => call.text(b"all"),
            Back::Amount(amount) => call.number(amount),
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

/// The names of keys: `prefix:v1:{gateway}:counter`, and `…:h` for its holds. All of a gateway are in one
/// slot of a cluster.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: Box<[u8]>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{prefix}:v1:{{").into_bytes().into() }
    }

    fn add(&self, call: &mut Call<'_>, counters: impl Iterator<Item = Counter> + Clone) {
        for counter in counters.clone() {
            self.name(&mut call.keys, counter, b"");
        }
        for counter in counters {
            self.name(&mut call.keys, counter, b":h");
        }
    }

    fn name(&self, keys: &mut Words, counter: Counter, end: &[u8]) {
        keys.bytes.extend_from_slice(&self.prefix);
        push_hex(&mut keys.bytes, &counter.gateway);
        keys.bytes.extend_from_slice(b"}:");
        push_hex(&mut keys.bytes, &counter.id);
        keys.bytes.extend_from_slice(end);
        keys.ends.push(keys.bytes.len());
    }
}

/// One call of a script.
#[derive(Debug)]
pub(super) struct Call<'a> {
    source: &'a Source,
    keys: Words,
    arguments: Words,
}

/// Texts, one behind the other.
#[derive(Debug, Default)]
struct Words {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Words {
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

impl<'a> Call<'a> {
    fn new(source: &'a Source, arguments: usize) -> Self {
        let arguments =
            Words { bytes: Vec::with_capacity(8 * arguments), ends: Vec::with_capacity(arguments) };
        Self { source, keys: Words::default(), arguments }
    }

    /// In one round trip; where the server does not know the script, in one more.
    pub(super) async fn send(&self, link: &Link) -> Result<redis::Value, LinkError> {
        match link.send(&self.command("EVALSHA", &self.source.hash)).await {
            Err(LinkError { kind: FailureKind::NoScript, .. }) => {
                link.send(&self.command("EVAL", self.source.text)).await
            }
            result => result,
        }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let words = self.keys.ends.len() + self.arguments.ends.len() + 3;
        let bytes = self.keys.bytes.len() + self.arguments.bytes.len() + script.len() + 16;
        let mut command = Cmd::with_capacity(words, bytes);
        command.arg(name).arg(script).arg(self.keys.ends.len());
        for word in self.keys.iter().chain(self.arguments.iter()) {
            command.arg(word);
        }
        command
    }

    fn text(&mut self, text: &[u8]) {
        self.arguments.bytes.extend_from_slice(text);
        self.arguments.ends.push(self.arguments.bytes.len());
    }

    fn number(&mut self, number: u64) {
        use std::io::Write as _;
        let number = number.min(LARGEST);
        // Into memory, where nothing fails.
        let _ = write!(self.arguments.bytes, "{number}");
        self.arguments.ends.push(self.arguments.bytes.len());
    }

    fn window(&mut self, window: Window, limit: u64) {
        let (kind, span, burst) = match window {
            Window::Fixed(period) => (1, period_number(period), 0),
            Window::Sliding(length) => (2, millis(length), 0),
            Window::Bucket { per, burst } => (3, millis(per), burst),
        };
        self.number(kind);
        self.number(span);
        self.number(limit);
        self.number(burst);
    }
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

/// Rounded up, 1 at least.
fn millis(duration: Duration) -> u64 {
    let part = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
    duration.as_secs().saturating_mul(1000).saturating_add(part).max(1)
}

/// A lease is of a year at most, so that its key goes some day.
fn lease_millis(lease: Duration) -> u64 {
    millis(lease).min(366 * 24 * 60 * 60 * 1000)
}

fn hex<const N: usize>(bytes: &[u8; N]) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * N);
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
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
        let name = "taig:v1:{abababababababab}:01010101010101010101010101010101";
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
        assert_eq!(words, ["3", largest, largest, largest, largest]);
    }
}
