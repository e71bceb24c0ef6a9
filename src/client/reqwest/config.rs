//! Checks what a built `reqwest::Client` does by itself.
//!
//! reqwest shows it only in its `Debug` text. If a ready-made client's text does not say, the worst
//! is assumed.

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

/// Checks that the client follows no redirects, decodes nothing and keeps no cookies.
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

/// `accepts: Accepts { gzip: true }`; plain `accepts: Accepts` if reqwest has no decoding features.
fn decodes(text: &str) -> Option<bool> {
    let (_, rest) = text.split_once(ACCEPTS)?;
    let Some(fields) = rest.strip_prefix(" { ") else { return Some(false) };
    fields.split_once('}').map(|(fields, _)| fields.contains(": true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_decodes_shows_it() {
        let text = |accepts: &str| format!("Client {{ {accepts}, default_headers: {{}} }}");
        assert_eq!(decodes(&text("accepts: Accepts")), Some(false));
        assert_eq!(decodes(&text("accepts: Accepts { gzip: false }")), Some(false));
        assert_eq!(decodes(&text("accepts: Accepts { gzip: false, zstd: true }")), Some(true));
        assert_eq!(decodes(&text("other: true")), None);
    }
}
