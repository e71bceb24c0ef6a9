//! Computes a charge from usage and a price: exact sums in fractions of a tick, rounded once.

mod sum;

use self::sum::{Amounts, MILLI, Sum};
use super::{LongContext, Price, Pricing, Rate, Tier, TierPrice, TokenPrice, ToolPrices};
use crate::usage::tokens::Usage;
use crate::util::operation::Operation;

impl Price {
    /// The charge in ticks; `None` if the price of anything used is unknown.
    pub(in crate::usage) fn ticks(
        &self,
        usage: &Usage,
        case: &Pricing<'_>,
        tools: &ToolPrices,
    ) -> Option<u64> {
        let chosen = [self.tier_of(case.tier())?, self.tier_of(case.speed)?];
        let mut amounts = Amounts::default();
        let has_tokens = usage.input().is_some() || usage.output().is_some();
        match self.token_price(usage, chosen)? {
            Some(price) if has_tokens => {
                price.add(usage, case, &mut amounts)?;
                amounts.others = self.beside_tokens(usage, case)?;
            }
            // Tiers apply to tokens only.
            _ if chosen.iter().any(Option::is_some) => return None,
            _ if usage.total() > Some(0) && !self.covers_tokens(usage, case) => return None,
            _ => amounts.others = self.media(usage, case)?,
        }
        let further = [
            (usage.pages, self.page),
            (usage.search_units, self.search_unit),
            (usage.citations, self.citation),
        ];
        let request = (self.request.map(|_| 1), self.request);
        for (units, rate) in further.into_iter().chain([request]) {
            let amount = charge(units.unwrap_or(0), rate)?.saturating_mul(MILLI);
            amounts.others = amounts.others.saturating_add(amount);
        }
        let tools = tools.of(usage)?.saturating_mul(MILLI);
        let sum = self.with_percentages(amounts, chosen, case)?;
        let sum = sum.rounded(tools);
        Some(u64::try_from(sum).unwrap_or(u64::MAX))
    }

    /// The tier that replaces the plain price; `None` for an unknown tier.
    fn tier_of(&self, name: Option<&str>) -> Option<Option<&Tier>> {
        let Some(name) = name else { return Some(None) };
        // Prefixes in Vertex AI and Gemini.
        let prefixes = ["ON_DEMAND_", "SERVICE_TIER_"];
        let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        if let Some(tier) = self.tiers.iter().find(|tier| tier.name.eq_ignore_ascii_case(name)) {
            return Some(Some(tier));
        }
        // `auto` does not tell which tier it was.
        let is_plain = ["default", "standard", "on_demand", ""]
            .iter()
            .any(|plain| plain.eq_ignore_ascii_case(name))
            || name.eq_ignore_ascii_case("auto") && self.tiers.is_empty();
        is_plain.then_some(None)
    }

    fn token_price<'a>(
        &'a self,
        usage: &Usage,
        chosen: [Option<&'a Tier>; 2],
    ) -> Option<Option<&'a TokenPrice>> {
        let mut own = chosen.into_iter().flatten().filter_map(|tier| match &tier.price {
            TierPrice::Own { tokens, long_context } => Some((tokens, &long_context[..])),
            TierPrice::Percent { .. } => None,
        });
        let (plain, long) = match (own.next(), own.next()) {
            (Some((tokens, long)), None) => (Some(tokens), long),
            (Some(_), Some(_)) => return None,
            (None, _) => (self.tokens.as_ref(), &self.long_context[..]),
        };
        Some(LongContext::of(long, usage).or(plain))
    }

    /// The charge for what is billed in addition to tokens. Units of the same text, images or audio as
    /// the tokens are not billed again.
    fn beside_tokens(&self, usage: &Usage, case: &Pricing<'_>) -> Option<u128> {
        let audio = [usage.audio_input, usage.audio_output];
        let has_audio_tokens = audio.into_iter().any(|tokens| tokens > Some(0));
        let duration_ms = usage.duration_ms.filter(|_| !has_audio_tokens);
        let images = usage.images.filter(|_| !case.makes_images());
        let seconds = charge(duration_ms.unwrap_or(0), self.second)?;
        let images = charge(images.unwrap_or(0), self.image)?.saturating_mul(MILLI);
        Some(seconds.saturating_add(images))
    }

    /// Returns true if a price in another unit also pays for the tokens.
    fn covers_tokens(&self, usage: &Usage, case: &Pricing<'_>) -> bool {
        let is_by_character = usage.characters.is_some() && self.character.is_some();
        self.request.is_some() || is_by_character || case.is_of_media()
    }

    /// The charge for what is not billed per token: images, seconds and characters.
    fn media(&self, usage: &Usage, case: &Pricing<'_>) -> Option<u128> {
        let is_image = usage.images.is_some();
        if is_image && case.is_edit() {
            return None;
        }
        let image = if is_image { self.image_price(case) } else { None };
        let units = [
            (usage.images, image, MILLI),
            (usage.duration_ms, self.second, 1),
            (usage.characters, self.character, MILLI),
        ];
        let mut sum = 0_u128;
        for (units, rate, milli) in units {
            sum = sum.saturating_add(charge(units.unwrap_or(0), rate)?.saturating_mul(milli));
        }
        let others = [(usage.pages, self.page), (usage.search_units, self.search_unit)];
        let is_known = units.iter().any(|(units, rate, _)| units.is_some() && rate.is_some())
            || others.iter().any(|(units, rate)| units.is_some() && rate.is_some())
            || self.request.is_some() && self.tokens.is_none();
        is_known.then_some(sum)
    }

    fn image_price(&self, case: &Pricing<'_>) -> Option<Rate> {
        let is = |of: &Option<Box<str>>, named: Option<&str>| match (of, named) {
            (None, _) => true,
            (Some(of), Some(named)) => of.eq_ignore_ascii_case(named),
            (Some(_), None) => false,
        };
        let own = self.images.iter().find(|image| {
            is(&image.size, case.image_size) && is(&image.quality, case.image_quality)
        });
        own.map(|image| image.price).or(self.image)
    }

    /// Applies percentages. `None` if the region is unknown, or a percentage of token prices would
    /// apply to something else.
    fn with_percentages(
        &self,
        amounts: Amounts,
        chosen: [Option<&Tier>; 2],
        case: &Pricing<'_>,
    ) -> Option<Sum> {
        let mut sum = Sum::new(amounts);
        for tier in chosen.into_iter().flatten() {
            if let TierPrice::Percent { tokens, cached } = tier.price {
                sum.percent(tokens, cached)?;
            }
        }
        let of = |name: &str| {
            let mut places = self.regional.iter();
            let place = places.find(|place| place.host.eq_ignore_ascii_case(name))?;
            Some(place.percent)
        };
        if let Some(region) = case.region
            && !["", "global", "default", "not_available"].contains(&region)
        {
            let percent = of(region)??;
            sum.percent(percent, percent)?;
        }
        if let Some(percent) = of(case.host) {
            let percent = percent?;
            sum.percent(percent, percent)?;
        }
        if let Some(off_peak) = &self.off_peak {
            let percent = off_peak.percent_at(case.at);
            sum.percent(percent, percent)?;
        }
        Some(sum)
    }
}

impl LongContext {
    /// The price of the last bound that the prompt reaches.
    fn of<'a>(steps: &'a [Self], usage: &Usage) -> Option<&'a TokenPrice> {
        let mut steps = steps.iter();
        let first = steps.next()?;
        let prompt = usage.input()?;
        let reached = std::iter::once(first).chain(steps).filter(|step| prompt >= step.from);
        reached.max_by_key(|step| step.from).map(|step| &step.tokens)
    }
}

impl TokenPrice {
    /// Adds the charge for tokens; `None` if it is unknown.
    fn add(&self, usage: &Usage, case: &Pricing<'_>, to: &mut Amounts) -> Option<()> {
        usage.input()?;
        if !matches!(case.operation, Operation::Embeddings | Operation::Rerank) {
            usage.output()?;
        }
        let known = |tokens: Option<u64>| tokens.unwrap_or(0);
        let (audio, images) = (known(usage.audio_input), known(usage.image_input));
        let text = known(usage.input_uncached).checked_sub(audio)?.checked_sub(images)?;
        let cached = known(usage.cache_read);
        let has_price = |tokens: u64, rate: Option<Rate>| {
            tokens == 0 || cached == 0 || rate.is_none() || rate == self.cached_input
        };
        let is_of_images = case.is_edit() && usage.image_input.is_none();
        if is_of_images && self.image_input.is_some_and(|rate| Some(rate) != self.input) {
            return None;
        }
        if !has_price(audio, self.cached_audio_input) || !has_price(images, self.cached_image_input)
        {
            return None;
        }
        let long = known(usage.cache_write_long);
        let written = known(usage.cache_write).checked_sub(long)?;
        let spoken = known(usage.audio_output);
        let visible = known(usage.output_visible).checked_sub(spoken)?;
        // If image tokens are not reported separately, all tokens are of images, or it makes no
        // difference.
        let drawn = match usage.image_output {
            Some(drawn) => drawn,
            None if case.makes_images() && self.image_output.is_some() => {
                if self.output.is_some() && self.output != self.image_output {
                    return None;
                }
                visible
            }
            None => 0,
        };
        let visible = visible.checked_sub(drawn)?;
        let inputs = [
            (text, self.input),
            (audio, self.audio_input),
            (images, self.image_input.or(self.input)),
            (written, self.cache_write),
            (long, self.long_cache_write),
        ];
        let outputs = [
            (visible, self.output),
            (spoken, self.audio_output),
            (drawn, self.image_output),
            (known(usage.reasoning), self.reasoning.or(self.output)),
        ];
        let outputs = if case.has_free_output() { &[][..] } else { &outputs };
        for &(tokens, rate) in inputs.iter().chain(outputs) {
            to.tokens = to.tokens.saturating_add(charge(tokens, rate)?);
        }
        to.cached = charge(cached, self.cached_input)?;
        Some(())
    }
}

/// A charge in fractions of a tick. Zero units cost nothing, even at an unknown rate.
fn charge(units: u64, rate: Option<Rate>) -> Option<u128> {
    match units {
        0 => Some(0),
        units => Some(u128::from(units) * u128::from(rate?.parts())),
    }
}
