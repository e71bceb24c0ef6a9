//! Which providers and models a request may use.

use crate::context::GatewayContext;
use crate::directives::Directives;
use crate::directives::narrowing::Narrowing;
use crate::provider::Upstream;
use crate::settings::Rules;

/// The rules for the models of a request, or of an entry of a universal request.
#[derive(Clone, Copy)]
pub(crate) struct Allowance<'a> {
    pub(crate) context: &'a GatewayContext,
    /// The client's own restrictions.
    pub(crate) narrowing: Option<&'a Narrowing>,
    /// The directives of an entry, which replace the request's.
    entry: Option<&'a Directives>,
    /// `None` until it is known.
    upstream: Option<&'a Upstream>,
}

impl<'a> Allowance<'a> {
    /// The rules for a request, at the provider known so far.
    pub(crate) fn of(context: &'a GatewayContext) -> Self {
        let upstream = context.upstream().map(|upstream| &**upstream);
        let narrowing = context.narrowing().map(|narrowing| &**narrowing);
        Self { context, narrowing, entry: None, upstream }
    }

    /// The same rules, at a provider that is known by now.
    pub(crate) fn at(self, upstream: &'a Upstream) -> Self {
        Self { upstream: Some(upstream), ..self }
    }

    /// The rules for an entry of a universal request, with its own directives.
    pub(crate) fn by(self, directives: &'a Directives) -> Self {
        Self { narrowing: directives.narrowing.as_deref(), entry: Some(directives), ..self }
    }

    /// Returns true if the provider must not retain the request's data.
    pub(crate) fn wants_zdr(self) -> bool {
        match self.entry {
            Some(directives) => directives.zdr == Some(true),
            None => self.context.wants_zdr(),
        }
    }

    pub(crate) fn restricts_models(self) -> bool {
        self.context.restricts_models() || self.narrowing.is_some_and(Narrowing::restricts_models)
    }

    pub(crate) fn allows(self, model: &str) -> bool {
        let rules = self.context.settings().map(|settings| &settings.rules);
        rules.is_none_or(|rules| rules.allow_model(model)) && self.lets_pass(model)
    }

    /// Like [`allows`](Self::allows), for a name behind which the provider picks the model.
    pub(crate) fn allows_what_hides_a_model(self, name: &str) -> bool {
        let rules = self.context.settings().map(|settings| &settings.rules);
        // Without rules of the gateway, such a name is treated like any model.
        let restricts = |rules: &&Rules| rules.restrict_models();
        rules.filter(restricts).is_none_or(|rules| rules.allow_what_hides_a_model(name))
            && self.lets_pass(name)
    }

    /// Returns true if the client allows the model.
    pub(crate) fn lets_pass(self, model: &str) -> bool {
        self.narrowing.is_none_or(|narrowing| narrowing.allows_model(self.upstream, model))
    }
}
