//! All rules of a gateway.

use super::{CountBy, LimitRule, Measure};
use crate::settings::SettingsError;
use crate::settings::route::{DynamicRoute, DynamicRoutes};

/// The rules of a gateway, and what of a request must be known for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) rules: Vec<LimitRule>,
    /// The model, or how many tokens are asked for.
    pub(crate) reads_bodies: bool,
    /// Whether usage or cost counts.
    pub(crate) meters: bool,
    /// Whether cost counts.
    pub(crate) prices: bool,
}

impl Limits {
    /// Reads off the rules what must be known.
    pub(super) fn find_needs(&mut self) {
        let rules = || self.rules.iter();
        let meters = rules().any(|rule| rule.measure != Measure::Requests);
        let by_model = rules().any(|rule| {
            !rule.only.models.is_empty() || rule.by.iter().any(|by| matches!(by, CountBy::Model))
        });
        self.reads_bodies = meters || by_model;
        self.meters = meters;
        self.prices = rules().any(|rule| rule.measure == Measure::Cost);
    }

    /// Finds the rules that dynamic routes name.
    pub(crate) fn find_routes(&mut self, routes: &DynamicRoutes) -> Result<(), SettingsError> {
        for name in routes.iter().flat_map(DynamicRoute::limits) {
            match self.rules.iter_mut().find(|rule| *rule.name == *name) {
                Some(rule) => rule.is_of_route = true,
                None => {
                    let problem = "a dynamic route names it, and there is no such limit".into();
                    return Err(SettingsError::Limit { name: name.to_owned(), problem });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&LimitRule> {
        self.rules.iter().find(|rule| *rule.name == *name)
    }
}
