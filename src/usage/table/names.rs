//! Names of rows, and the model names that match them.

/// The provider and the model of a row's name; `None` if the row is for all providers.
pub(super) fn split(row: &str) -> Option<(&str, &str)> {
    // Names are short, so this is faster than `memchr`.
    let slash = row.bytes().position(|byte| byte == b'/')?;
    let (provider, model) = (&row[..slash], &row[slash + 1..]);
    is_provider(provider).then_some((provider, model))
}

/// Returns true if a name starts with a provider. `openai/gpt-5` must not match a row for all
/// providers, because OpenRouter uses it for its own model.
pub(super) fn names_provider(model: &str) -> bool {
    split(model).is_some()
}

fn is_provider(slug: &str) -> bool {
    slug.starts_with("custom-") || is_builtin(slug)
}

/// Returns true for the slug of a built-in provider. A name that starts with one is a row of that
/// provider, or another provider's name of its model.
pub(super) fn is_builtin(slug: &str) -> bool {
    matches!(
        slug,
        "anthropic"
            | "aws-bedrock"
            | "aws-bedrock-mantle"
            | "azure-openai"
            | "baseten"
            | "cerebras"
            | "cohere"
            | "deepseek"
            | "fireworks"
            | "google-ai-studio"
            | "google-vertex-ai"
            | "grok"
            | "groq"
            | "huggingface"
            | "mistral"
            | "moonshot"
            | "openai"
            | "openrouter"
            | "parallel"
            | "perplexity-ai"
            | "replicate"
            | "together"
            | "workers-ai"
    )
}

/// A row's name with the provider's slug in place of its alias.
pub(super) fn with_slug(row: Box<str>) -> Box<str> {
    let slug = |alias: &str| match alias {
        "xai" => Some("grok"),
        "perplexity" => Some("perplexity-ai"),
        _ => None,
    };
    match row.split_once('/').and_then(|(alias, model)| Some((slug(alias)?, model))) {
        Some((slug, model)) => format!("{slug}/{model}").into(),
        None => row,
    }
}

/// The name without its last snapshot suffix or prefix.
pub(super) fn shorter(model: &str) -> Option<&str> {
    model
        .strip_prefix("models/")
        .or_else(|| without_version(model))
        .or_else(|| without_date(model))
        .or_else(|| model.strip_suffix("-latest"))
        .filter(|shorter| !shorter.is_empty())
}

/// The name without the region prefix of Bedrock's inference profiles.
pub(super) fn without_region(model: &str) -> Option<&str> {
    let regions = ["us.", "eu.", "global.", "apac.", "jp."];
    regions.iter().find_map(|region| model.strip_prefix(region))
}

/// `{model}-v1:0`
fn without_version(model: &str) -> Option<&str> {
    let model = without_digits(model)?.strip_suffix(':')?;
    without_digits(model)?.strip_suffix("-v")
}

/// `None` if there are none at the end.
fn without_digits(text: &str) -> Option<&str> {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &text[..text.len() - digits])
}

/// `{model}-2024-11-20`, `{model}-20241120`, `{model}@20241120`
fn without_date(model: &str) -> Option<&str> {
    let bytes = model.as_bytes();
    let part = |from_end: usize, length: usize| {
        let from = bytes.len().checked_sub(from_end)?;
        let digits = model.get(from..from + length)?;
        if is_digits(digits) { digits.parse::<u32>().ok() } else { None }
    };
    let is_day = |year, month, day| {
        let exists = |value: Option<u32>, range: std::ops::RangeInclusive<u32>| {
            value.is_some_and(|value| range.contains(&value))
        };
        exists(year, 2000..=2199) && exists(month, 1..=12) && exists(day, 1..=31)
    };
    let behind = |length: usize| bytes.len().checked_sub(length).map(|at| bytes[at]);
    if [behind(11), behind(6), behind(3)] == [Some(b'-'); 3]
        && is_day(part(10, 4), part(5, 2), part(2, 2))
    {
        return model.get(..model.len() - 11);
    }
    if matches!(behind(9), Some(b'-' | b'@')) && is_day(part(8, 4), part(4, 2), part(2, 2)) {
        return model.get(..model.len() - 9);
    }
    None
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_starts_with_a_slug_belongs_to_its_provider() {
        assert_eq!(split("openai/gpt-5"), Some(("openai", "gpt-5")));
        assert_eq!(split("custom-a/b/c"), Some(("custom-a", "b/c")));
        assert_eq!(split("vendor/m"), None);
        for provider in crate::Provider::all() {
            assert!(is_provider(provider.slug()), "{}", provider.slug());
        }
    }

    #[test]
    fn snapshots_lose_one_suffix_or_prefix_at_a_time() {
        for (model, expected) in [
            ("gpt-4o-2024-11-20", Some("gpt-4o")),
            ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
            ("claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
            ("anthropic.claude-x-20250514-v1:0", Some("anthropic.claude-x-20250514")),
            ("models/gemini-3", Some("gemini-3")),
            ("grok-4.3-latest", Some("grok-4.3")),
            ("gpt-4o-mini", None),
            ("gpt-4o-0806", None),
            ("gpt-4o-2024-13-20", None),
            ("m-20249920", None),
            ("m_20240920", None),
            ("m-12024-11-20", None),
            ("-2024-11-20", None),
            ("2024-11-20", None),
            ("é2024-11-20", None),
            ("ééééé", None),
            ("m-v1", None),
            ("m-v1:", None),
            ("models/", None),
            ("", None),
        ] {
            assert_eq!(shorter(model), expected, "{model}");
        }
        assert_eq!(without_region("us.anthropic.claude-x"), Some("anthropic.claude-x"));
        assert_eq!(without_region("grok-4.3"), None);
    }
}
