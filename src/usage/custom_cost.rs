//! `cf-aig-custom-cost`: the client's own price.

use std::borrow::Cow;

use crate::json::flat::{self, Scalar};

/// The value of `cf-aig-custom-cost`, in USD.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CustomCost {
    /// `total_cost`: the cost of the whole request.
    Total(f64),
    /// Prices per token.
    #[non_exhaustive]
    PerToken {
        /// `per_token_in`
        input: f64,
        /// `per_cache_read_token`, or its old name `per_token_cached_in`. Default: the input price.
        cached_input: Option<f64>,
        /// `per_cache_write_token`. Default: the input price.
        cache_write: Option<f64>,
        /// `per_token_out`
        output: f64,
    },
}

const FORM: &str = "JSON: {\"per_token_in\":N,\"per_token_out\":N}, with \"per_cache_read_token\":N and \
     \"per_cache_write_token\":N if you like, or {\"total_cost\":N}, in USD, not negative";

impl CustomCost {
    /// Parses the value. The error says what the value must be.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Cow<'static, str>> {
        let mut prices = Prices::default();
        for (name, value) in flat::members(json).ok_or(FORM)? {
            let Some(price) = prices.named(&name) else {
                return Err(format!("{FORM}; it has no member `{}`", shown(&name)).into());
            };
            let usd = match value {
                Scalar::Number(usd) if usd >= 0.0 && usd.is_finite() => usd,
                _ => return Err(FORM.into()),
            };
            if price.replace(usd).is_some() {
                return Err(format!("{FORM}; `{}` is there twice", shown(&name)).into());
            }
        }
        prices.cost().ok_or(FORM.into())
    }
}

/// The given prices, in USD.
#[derive(Default)]
pub(crate) struct Prices {
    pub(crate) total: Option<f64>,
    pub(crate) input: Option<f64>,
    pub(crate) cached_input: Option<f64>,
    pub(crate) cache_write: Option<f64>,
    pub(crate) output: Option<f64>,
}

impl Prices {
    fn named(&mut self, name: &str) -> Option<&mut Option<f64>> {
        match name {
            "total_cost" => Some(&mut self.total),
            "per_token_in" => Some(&mut self.input),
            "per_token_out" => Some(&mut self.output),
            "per_cache_read_token" | "per_token_cached_in" => Some(&mut self.cached_input),
            "per_cache_write_token" => Some(&mut self.cache_write),
            _ => None,
        }
    }

    /// `None` without any price, or with both a total and prices per token.
    pub(crate) fn cost(self) -> Option<CustomCost> {
        let Self { total, input, cached_input, cache_write, output } = self;
        match (total, input, output) {
            (Some(total), None, None) if cached_input.or(cache_write).is_none() => {
                Some(CustomCost::Total(total))
            }
            (None, Some(_), _) | (None, _, Some(_)) => Some(CustomCost::PerToken {
                input: input.unwrap_or(0.0),
                cached_input,
                cache_write,
                output: output.unwrap_or(0.0),
            }),
            _ => None,
        }
    }
}

/// The start of a name, as plain text.
fn shown(name: &str) -> String {
    let plain = |char: char| if char.is_control() { '?' } else { char };
    name.chars().take(64).map(plain).collect()
}
