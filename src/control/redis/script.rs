//! A Lua script and a call of it.

use redis::Cmd;

use super::error::{FailureKind, LinkError};
use super::link::Link;

/// The largest number that a script, which has nothing but doubles, counts to exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// What a server runs.
#[derive(Debug)]
pub(in crate::control) struct Script {
    text: &'static str,
    /// By which the server knows it.
    hash: Box<str>,
}

impl Script {
    pub(in crate::control) fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().into() }
    }
}

/// One call of a script.
#[derive(Debug)]
pub(in crate::control) struct Call<'a> {
    source: &'a Script,
    pub(in crate::control) keys: Words,
    pub(in crate::control) arguments: Words,
}

/// Texts, one behind the other.
#[derive(Debug, Default)]
pub(in crate::control) struct Words {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Words {
    pub(in crate::control) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Adds one that `write` puts at the end.
    pub(in crate::control) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }
}

impl<'a> Call<'a> {
    pub(in crate::control) fn new(source: &'a Script, arguments: usize) -> Self {
        let arguments =
            Words { bytes: Vec::with_capacity(8 * arguments), ends: Vec::with_capacity(arguments) };
        Self { source, keys: Words::default(), arguments }
    }

    /// In one round trip; where the server does not know the script, in one more.
    pub(in crate::control) async fn send(&self, link: &Link) -> Result<redis::Value, LinkError> {
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

    pub(in crate::control) fn text(&mut self, text: &[u8]) {
        self.arguments.push_with(|bytes| bytes.extend_from_slice(text));
    }

    /// Cut to what a script can count to.
    pub(in crate::control) fn number(&mut self, number: u64) {
        use std::io::Write as _;
        let number = number.min(LARGEST);
        // Into memory, where nothing fails.
        self.arguments.push_with(|bytes| drop(write!(bytes, "{number}")));
    }
}
