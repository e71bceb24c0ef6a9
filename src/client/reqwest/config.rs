//! What a built `reqwest::Client` does on its own.
//!
//! reqwest says so in its `Debug` text alone. What that text does not say is taken for the worst
//! where the client came ready-made.

use reqwest::Client;

use super::error::{Cause, ReqwestError};

const NO_REDIRECTS: &str = r#"redirect_policy: "Policy(None)""#;
const COOKIES: &str = "cookie_store: true";
const ACCEPTS: &str = "accepts: Accepts";

pub(super) fn keeps_no_cookies(client: &Client) -> Result<(), ReqwestError> {
    match format!("{client:?}").contains(COOKIES) {
        true => Err(Cause::Cookies.into()),
        false => Ok(()),
    }
}

/// Follows no redirects, decodes nothing, keeps no cookies.
pub(super) fn leaves_alone(client: &Client) -> Result<(), ReqwestError> {
    keeps_no_cookies(client)?;
    let text = format!("{client:?}");
    if !text.contains(NO_REDIRECTS) {
        return Err(Cause::Follows.into());
    }
    match decodes(&text) {
        Some(false) => Ok(()),
        Some(true) | None => Err(Cause::Decodes.into()),
    }
}

/// `accepts: Accepts { gzip: true }`; without features that decode, `accepts: Accepts`.
fn decodes(text: &str) -> Option<bool> {
    let (_, rest) = text.split_once(ACCEPTS)?;
    let Some(fields) = rest.strip_prefix(" { ") else { return Some(false) };
    fields.split_once('}').map(|(fields, _)| fields.contains(": true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decodes_says_so() {
        let text = |accepts: &str| format!("Client {{ {accepts}, default_headers: {{}} }}");
        assert_eq!(decodes(&text("accepts: Accepts")), Some(false));
        assert_eq!(decodes(&text("accepts: Accepts { gzip: false }")), Some(false));
        assert_eq!(decodes(&text("accepts: Accepts { gzip: false, zstd: true }")), Some(true));
        assert_eq!(decodes(&text("other: true")), None);
    }
}
