//! The Lua scripts of the cache, and calls to them.

use crate::control::redis::{Call, Script};

use super::names::Name;

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) store: Script,
    pub(super) forget: Script,
    pub(super) turn: Script,
    pub(super) apart: Script,
    pub(super) append: Script,
    pub(super) follow: Script,
    pub(super) unshared: Script,
    pub(super) release: Script,
}

/// With a `#!lua` line (Redis 7), a script is refused as a whole if Redis has no memory or takes no writes.
/// `allow-oom` lets a script through that frees memory, or reads.
macro_rules! script {
    ($first:literal, $file:literal) => {
        Script::new(concat!($first, "\n", include_str!("chunks.lua"), include_str!($file)))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: script!("#!lua", "begin.lua"),
            store: script!("#!lua", "store.lua"),
            forget: script!("#!lua flags=allow-oom", "forget.lua"),
            turn: script!("#!lua", "turn.lua"),
            apart: script!("#!lua", "apart.lua"),
            append: script!("#!lua", "append.lua"),
            follow: script!("#!lua flags=allow-oom", "follow.lua"),
            unshared: script!("#!lua flags=allow-oom", "unshared.lua"),
            release: script!("#!lua flags=allow-oom", "release.lua"),
        }
    }
}

/// A call with these keys.
pub(super) fn call<'a>(script: &'a Script, keys: &[&Name]) -> Call<'a> {
    let mut call = Call::new(script, 8);
    for key in keys {
        call.keys.push_with(|bytes| bytes.extend_from_slice(key));
    }
    call
}
