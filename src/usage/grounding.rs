//! [`Grounding`]: what Gemini looked up for an answer.

use super::tokens::Usage;

/// What Gemini looked up for an answer, which it reports outside the usage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grounding {
    /// The queries to Google Search that the answer lists.
    pub(super) searches: u64,
    /// Something else that is billed: maps, or a search of the host's own data (Vertex AI).
    pub(super) has_others: bool,
}

impl Grounding {
    /// Takes the larger figures: a later event repeats those of earlier ones.
    pub(super) fn raise(&mut self, newer: Self) {
        self.searches = self.searches.max(newer.searches);
        self.has_others |= newer.has_others;
    }

    pub(super) fn add_to(self, usage: &mut Usage) {
        let Self { searches, has_others } = self;
        if searches > 0 {
            usage.tools.web_search = Some(searches);
        }
        if searches > 0 || has_others {
            usage.tool_calls = Some(searches.saturating_add(has_others.into()));
        }
    }
}
