//! Brings the figures that a provider reported into the form of [`Usage`].

use super::{ToolCalls, Usage, sum};
use crate::usage::figure::Figure;
use crate::usage::reported::Reported;
use crate::usage::shape::Shape;

impl Usage {
    #[inline]
    pub(in crate::usage) fn new(reported: &Reported, shape: Shape) -> Self {
        let tools = ToolCalls::of(reported);
        let mut usage = Self {
            total_reported: reported.get(Figure::Total),
            cost_ticks: reported.get(Figure::CostTicks),
            tool_calls: reported.get(Figure::ToolsUsed).or_else(|| tools.total()),
            tools,
            ..Self::default()
        };
        if reported.has_rare() && usage.set_billed(reported) {
            return usage;
        }
        usage.set_input(reported, shape);
        usage.set_output(reported, shape);
        if reported.has_rare() {
            usage.set_rest(reported);
        }
        match shape {
            // The whole output is of one kind.
            Shape::Images => usage.image_output = usage.image_output.or(usage.output_visible),
            Shape::Speech => usage.audio_output = usage.audio_output.or(usage.output_visible),
            _ => {}
        }
        usage
    }

    /// Sets the usage that Cohere bills; false if it reports none. The cached part belongs to the
    /// counted tokens and not to the billed ones.
    #[cold]
    fn set_billed(&mut self, reported: &Reported) -> bool {
        let text = reported.get(Figure::BilledText).or(reported.get(Figure::BilledInput));
        let image_tokens = reported.get(Figure::BilledImageTokens).filter(|tokens| *tokens > 0);
        let images = reported.get(Figure::BilledImages).filter(|images| *images > 0);
        self.input_uncached = sum(&[text, image_tokens]);
        self.image_input = image_tokens;
        // Images that have tokens are billed by these.
        self.images = if image_tokens.is_none() { images } else { None };
        self.output_visible = reported.get(Figure::BilledOutput);
        let is_told = self.total().is_some() || self.images.is_some();
        if is_told {
            self.search_units = reported.get(Figure::SearchUnits);
        }
        is_told
    }

    /// Splits the input. Cache reads and writes are part of it, except with the names of Messages
    /// (unless the total of a chat says otherwise) or if they exceed it. Tokens read by tools are in
    /// addition to the input.
    #[inline]
    fn set_input(&mut self, reported: &Reported, shape: Shape) {
        if !reported.has_rare() {
            let (read, cached) = (reported.get(Figure::CacheRead), reported.get(Figure::Cached));
            let inside = match read {
                None => cached.unwrap_or(0),
                Some(_) if counts_cache_in_input(reported, shape) => named_cache(reported),
                Some(_) => 0,
            };
            let input = reported.get(Figure::Input);
            self.input_uncached = input.map(|input| input.checked_sub(inside).unwrap_or(input));
            self.cache_read = read.or(cached);
            self.cache_write = reported.get(Figure::CacheWrite);
        } else {
            self.set_rare_input(reported, shape);
        }
    }

    #[cold]
    fn set_rare_input(&mut self, reported: &Reported, shape: Shape) {
        let read = reported.get(Figure::CacheRead);
        let lifetimes = [Figure::CacheWriteShort, Figure::CacheWriteLong];
        let lifetimes = sum(&lifetimes.map(|figure| reported.get(figure)));
        let written = reported.get(Figure::CacheWrite);
        let (inside_read, inside_written) = match (read, written) {
            (None, None) => (reported.get(Figure::Cached), reported.get(Figure::CacheWriteInside)),
            _ if counts_cache_in_input(reported, shape) => (Some(named_cache(reported)), None),
            (None, _) => (reported.get(Figure::Cached), None),
            _ => (None, None),
        };
        self.cache_read = read.or(reported.get(Figure::Cached));
        self.cache_write = written.or(reported.get(Figure::CacheWriteInside)).or(lifetimes);
        self.cache_write_long = reported
            .get(Figure::CacheWriteLong)
            .map(|long| long.min(self.cache_write.unwrap_or(long)));
        let inside = sum(&[inside_read, inside_written]).unwrap_or(0);
        let input =
            reported.get(Figure::Input).map(|input| input.checked_sub(inside).unwrap_or(input));
        self.input_uncached = sum(&[input, reported.get(Figure::ToolPrompt)]);
    }

    /// Splits the output. Reasoning is in addition to the output in xAI's chat completions, in
    /// Gemini's own API and in Perplexity's, and part of it elsewhere. If the shape does not decide
    /// this, the total does; without a total it is part of the output if possible.
    fn set_output(&mut self, reported: &Reported, shape: Shape) {
        let output = reported.get(Figure::Output);
        let total = reported.get(Figure::Total);
        let inputs = [reported.get(Figure::Input), self.input()];
        let is_total =
            |output: Option<u64>| inputs.iter().any(|input| sum(&[*input, output]) == total);
        if let Some(thoughts) = reported.get(Figure::Thoughts) {
            (self.output_visible, self.reasoning) = (output, Some(thoughts));
            self.inconsistent = total.is_some() && !is_total(self.output());
            return;
        }
        let reported_reasoning = reported.get(Figure::Reasoning);
        let Some(output) = output else {
            // Gemini leaves out zeros.
            let has_none = shape == Shape::GenerateContent && total.is_some() && is_total(None);
            self.output_visible = has_none.then_some(0);
            self.reasoning = reported_reasoning;
            return;
        };
        let reasoning = reported_reasoning.unwrap_or(0);
        let with_reasoning = output.saturating_add(reasoning);
        // If reasoning is known to be in addition, it does not matter whether the total includes
        // it.
        let is_perplexity = shape == Shape::ChatPerplexity
            || shape == Shape::AsyncPerplexity
            || reported.get(Figure::Citations).is_some();
        let is_beside = match total {
            Some(_) if is_perplexity => {
                self.inconsistent = !is_total(Some(output)) && !is_total(Some(with_reasoning));
                true
            }
            None if is_perplexity => true,
            Some(_) if is_total(Some(output)) => false,
            Some(_) if is_total(Some(with_reasoning)) => true,
            Some(total) => {
                let rest = self.input().unwrap_or(0).saturating_add(output);
                // Google's chat completions report it only in the total.
                if let (Shape::ChatGoogle, None, Some(hidden)) =
                    (shape, reported_reasoning, total.checked_sub(rest))
                {
                    (self.output_visible, self.reasoning) = (Some(output), Some(hidden));
                    return;
                }
                self.inconsistent = !counts_audio_in_total(reported);
                false
            }
            None => reasoning > output,
        };
        let inside = if is_beside { 0 } else { reasoning.min(output) };
        self.output_visible = Some(output - inside);
        self.reasoning = reported_reasoning.map(|_| if is_beside { reasoning } else { inside });
    }

    /// Figures that few providers report. Cached tokens are reported for the whole input or by
    /// modality.
    #[cold]
    fn set_rest(&mut self, reported: &Reported) {
        self.citations = reported.get(Figure::Citations);
        // Some providers report zero if there was no audio.
        self.duration_ms = reported.get(Figure::DurationMs).filter(|duration| *duration > 0);
        self.characters = reported.get(Figure::Characters);
        self.search_units = reported.get(Figure::SearchUnits);
        self.pages = reported.get(Figure::Pages);
        let fresh = |all, cached| {
            let fresh = reported.get(all)?.saturating_sub(reported.get(cached).unwrap_or(0));
            Some(fresh.min(self.input_uncached.unwrap_or(fresh)))
        };
        if !counts_audio_in_total(reported) {
            self.audio_input = fresh(Figure::AudioInput, Figure::AudioCached);
        }
        self.image_input = fresh(Figure::ImageInput, Figure::ImageCached);
        let visible = |figure| {
            let tokens = reported.get(figure)?;
            Some(tokens.min(self.output_visible.unwrap_or(tokens)))
        };
        self.audio_output = visible(Figure::AudioOutput);
        self.image_output = visible(Figure::ImageOutput);
    }
}

/// Returns true if a chat with the names of Messages for its cache (LiteLLM's) counts it in the input,
/// because its total is that of input and output.
#[cold]
fn counts_cache_in_input(reported: &Reported, shape: Shape) -> bool {
    let own = sum(&[reported.get(Figure::Input), reported.get(Figure::Output)]);
    matches!(shape, Shape::Chat | Shape::ChatGoogle)
        && own.is_some()
        && own == reported.get(Figure::Total)
}

/// The cache reads and writes with the names of Messages.
fn named_cache(reported: &Reported) -> u64 {
    sum(&[reported.get(Figure::CacheRead), reported.get(Figure::CacheWrite)]).unwrap_or(0)
}

/// Returns true for Mistral's answers to audio: its tokens are only in the total, and its seconds are
/// billed.
fn counts_audio_in_total(reported: &Reported) -> bool {
    let rest = sum(&[reported.get(Figure::Input), reported.get(Figure::Output)]);
    reported.get(Figure::DurationMs) > Some(0) && reported.get(Figure::Total) > rest
}
