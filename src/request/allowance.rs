//! Which models a request may use.

use crate::context::GatewayContext;
use crate::directives::Directives;
use crate::directives::narrowing::Narrowing;
use crate::provider::Upstream;
use crate::settings::Rules;

/// What decides over the models of one request, or of one entry of a universal one.
#[derive(Clone, Copy)]
pub(crate) struct Allowance<'a> {
    pub(crate) context: &'a GatewayContext,
    /// What the client allows.
    narrowing: Option<&'a Narrowing>,
    /// `None` until it is known.
    upstream: Option<&'a Upstream>,
}

impl<'a> Allowance<'a> {
    /// For a request, at the provider that is known so far.
    pub(crate) fn of(context: &'a GatewayContext) -> Self {
        let upstream = context.upstream().map(|upstream| &**upstream);
        Self { context, narrowing: context.narrowing().map(|narrowing| &**narrowing), upstream }
    }

    /// For a provider that has just been found.
    pub(crate) fn at(self, upstream: &'a Upstream) -> Self {
        Self { upstream: Some(upstream), ..self }
    }

    /// For an entry of a universal request, with directives of its own.
    pub(crate) fn by(self, directives: &'a Directives) -> Self {
        Self { narrowing: directives.narrowing.as_deref(), ..self }
    }

    pub(crate) fn restricts_models(self) -> bool {
        self.context.restricts_models() || self.narrowing.is_some_and(Narrowing::restricts_models)
    }

    pub(crate) fn allows(self, model: &str) -> bool {
        let rules = self.context.settings().map(|settings| &settings.rules);
        rules.is_none_or(|rules| rules.allow_model(model)) && self.lets_pass(model)
    }

    /// The same for a name behind which there is another model.
    pub(crate) fn allows_what_hides_a_model(self, name: &str) -> bool {
        let rules = self.context.settings().map(|settings| &settings.rules);
        // Without rules of the gateway's, any such name is as good as any other model.
        let restricts = |rules: &&Rules| rules.restrict_models();
        rules.filter(restricts).is_none_or(|rules| rules.allow_what_hides_a_model(name))
            && self.lets_pass(name)
    }

    /// Whether the client allows a model.
    pub(crate) fn lets_pass(self, model: &str) -> bool {
        self.narrowing.is_none_or(|narrowing| narrowing.allows_model(self.upstream, model))
    }
}
