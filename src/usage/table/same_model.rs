//! Which names are of one model.

use super::names::{is_digits, without_region};

/// Returns true if a response that names `served` is of the model that its request has named `asked`:
/// one of them may have a region, a vendor, a date or a version that the other lacks.
pub(crate) fn is_same_model(asked: &str, served: &str) -> bool {
    let (asked, served) = (plain(asked), plain(served));
    is_one(&asked, &served)
        || is_one(without_vendor(&asked), &served)
        || is_one(&asked, without_vendor(&served))
}

fn is_one(asked: &str, served: &str) -> bool {
    let undated = asked.strip_suffix("-latest").unwrap_or(asked);
    is_longer(served, undated, |part| is_date(part) || is_version(part))
        || is_longer(asked, served, is_date)
}

/// Returns true if `long` is `short` with such parts behind it, or without any.
fn is_longer(long: &str, short: &str, is_part: impl Fn(&str) -> bool) -> bool {
    let Some(rest) = long.strip_prefix(short).filter(|_| !short.is_empty()) else { return false };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|rest| rest.split('-').all(is_part))
}

/// In lower case, without what precedes a slash, without a region, a variant (`:free`), a version
/// (`-v1:0`) or a place (`#…`).
fn plain(model: &str) -> String {
    let name = model.split('#').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default().trim().to_ascii_lowercase();
    let name = without_region(&name).unwrap_or(&name);
    let (name, behind) = name.split_once(':').unwrap_or((name, ""));
    let version = name.rsplit_once("-v").filter(|(_, number)| is_digits(number));
    let name = match version {
        Some((name, _)) if is_digits(behind) => name,
        _ => name,
    };
    match name.trim_end().split_once('@') {
        Some((name, date)) if is_date(date) => format!("{name}-{date}"),
        Some((name, _)) if !name.is_empty() => name.to_owned(),
        _ => name.trim_end().to_owned(),
    }
}

/// `claude-x` of Bedrock's `anthropic.claude-x`.
fn without_vendor(model: &str) -> &str {
    let is_vendor =
        |name: &str| name == "ai21" || name.bytes().all(|byte| byte.is_ascii_lowercase());
    match model.split_once('.') {
        Some((vendor, name)) if is_vendor(vendor) => name,
        _ => model,
    }
}

/// A part of a date. A single digit is a part of the model's name: `-5` of `claude-opus-4-5`.
fn is_date(part: &str) -> bool {
    part.len() > 1 && is_digits(part)
}

fn is_version(part: &str) -> bool {
    matches!(part, "latest" | "preview" | "exp" | "beta")
        || part.strip_prefix('v').is_some_and(is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_has_several_names() {
        for (asked, served) in [
            ("grok-4", "grok-4"),
            ("grok-4", "grok-4-0709"),
            ("Grok-4", "xai/grok-4-preview-05-20"),
            ("mistral-large-latest", "mistral-large-2411"),
            ("gpt-5:free", "gpt-5"),
            ("gpt-4o-2024-11-20", "gpt-4o"),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
            ("anthropic.claude-opus-4-6", "claude-opus-4-6"),
            ("claude-opus-4-6", "anthropic.claude-opus-4-6"),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"),
            ("google/gemini-2.5-pro", "gemini-2.5-pro"),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0", "nova-pro"),
            ("accounts/a/models/m", "accounts/a/models/m#accounts/b/deployments/d"),
        ] {
            assert!(is_same_model(asked, served), "{asked} {served}");
        }
    }

    #[test]
    fn another_model_is_another_one() {
        for (asked, served) in [
            ("grok-4", "grok-4-heavy"),
            ("gpt-5", "gpt-50"),
            ("gpt-5-pro", "gpt-5"),
            ("o1-preview", "o1"),
            ("claude-opus-4", "claude-opus-4-5"),
            ("claude-opus-4-5", "claude-opus-4"),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250101"),
            ("gpt-4o-2024-05-13", "gpt-4o-2024-11-20"),
            ("anthropic.claude-x", "meta.claude-x"),
            ("gpt-4.1", "1"),
            ("", ""),
            ("x", ""),
            ("", "x"),
            ("@", ":"),
        ] {
            assert!(!is_same_model(asked, served), "{asked} {served}");
        }
    }
}
