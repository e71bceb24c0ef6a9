//! Checks which keys each party has received.
//!
//! A key contains the name of its owner, so that any occurrence can be attributed.

use crate::support::scripted::Call;

const BEGIN: &str = "sk-LEAK-for-";
const END: &str = "-end";

/// The client's key for this owner.
pub(crate) fn key(owner: &str) -> String {
    format!("{BEGIN}{owner}{END}")
}

/// The owners of all keys in a text.
fn owners(text: &str) -> Vec<&str> {
    text.split(BEGIN).skip(1).map(|rest| rest.split(END).next().unwrap_or(rest)).collect()
}

/// A provider's request, including sensitive values.
fn all_of(call: &Call) -> String {
    let headers = call
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    let body = String::from_utf8_lossy(&call.body);
    format!("{} {}\n{}\n{body}", call.method, call.uri, headers.collect::<String>())
}

/// Everything observed in an exchange.
pub(crate) struct Seen {
    pub(crate) calls: Vec<Call>,
    /// The response and all its events.
    pub(crate) reported: String,
}

impl Seen {
    /// Checks that each call has its provider's own key and no other, and that no key appears
    /// elsewhere.
    ///
    /// `slug`: the provider of an authority.
    pub(crate) fn check(&self, slug: impl Fn(&str) -> String) -> Result<(), String> {
        for call in &self.calls {
            let provider = slug(call.authority());
            let all = all_of(call);
            let owners = owners(&all);
            if let Some(other) = owners.iter().find(|owner| **owner != provider) {
                return Err(format!("{provider} has seen the key for {other}:\n{all}"));
            }
            if owners.is_empty() {
                return Err(format!("{provider} was asked without a key:\n{all}"));
            }
        }
        match owners(&self.reported).first() {
            Some(owner) => Err(format!("the key for {owner} was leaked:\n{}", self.reported)),
            None => Ok(()),
        }
    }
}
