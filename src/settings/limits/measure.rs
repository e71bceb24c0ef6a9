//! What a limit counts.

/// What a rule counts.
///
/// ```
/// use tower_ai_gateway::settings::limits::{LimitRule, Measure, Period, Window};
///
/// let rule = LimitRule::new("output", Measure::OutputTokens, 50_000, Window::Fixed(Period::Hour));
/// assert_eq!(rule.measure().as_str(), "output_tokens");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Measure {
    /// Requests sent to a provider. Retries and fallbacks of a request do not count again.
    Requests,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Tokens of prompts and answers.
    Tokens,
    /// Money, in ticks: 1 USD = 10^10 ticks.
    Cost,
}

impl Measure {
    /// The name in lower case, as in `input_tokens`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
        }
    }
}
