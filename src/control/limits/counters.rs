//! Which requests a rule applies to, and the counter of each.

use std::borrow::Cow;

use http::{HeaderMap, Request, Uri};

use super::asked::Asked;
use super::board::Values;
use super::naming::{self, Naming};
use super::store::Counter;
use crate::context::GatewayContext;
use crate::control::concurrency::credential;
use crate::provider::Upstream;
use crate::settings::limits::{CountBy, LimitRule, RuleFilter};
use crate::settings::{GatewaySettings, is_one_of_models};
use crate::util::segments;
use crate::util::unwind::{self, Panicked};

/// A request as rules see it.
pub(super) struct Subject<'a> {
    pub(super) context: &'a GatewayContext,
    pub(super) settings: &'a GatewaySettings,
    pub(super) upstream: &'a Upstream,
    pub(super) asked: &'a Asked,
    /// The request runs a model, even if its name could not be read.
    pub(super) runs_model: bool,
    pub(super) extensions: &'a http::Extensions,
    pub(super) headers: &'a HeaderMap,
    pub(super) uri: &'a Uri,
}

impl<'a> Subject<'a> {
    pub(super) fn new<B>(
        context: &'a GatewayContext,
        settings: &'a GatewaySettings,
        upstream: &'a Upstream,
        asked: &'a Asked,
        runs_model: bool,
        request: &'a Request<B>,
    ) -> Self {
        let (extensions, headers) = (request.extensions(), request.headers());
        let uri = request.uri();
        Self { context, settings, upstream, asked, runs_model, extensions, headers, uri }
    }

    /// Returns true if a rule applies to this request.
    pub(super) fn is_under(&self, rule: &LimitRule) -> bool {
        let RuleFilter { providers, models, paths, groups, labels, .. } = &rule.only;
        let identity = self.context.identity();
        (providers.is_empty() || providers.iter().any(|name| self.upstream.answers_to(name)))
            && (models.is_empty() || {
                let model = self.asked.model.as_deref();
                let is_one = model.and_then(|model| is_one_of_models(model, models));
                // A hidden model may be any.
                is_one.unwrap_or(self.runs_model)
            })
            && (paths.is_empty() || {
                let path = self.context.call_path();
                paths.iter().any(|wanted| segments::begins_with(path, wanted))
            })
            && (groups.is_empty()
                || identity.is_some_and(|own| groups.iter().any(|group| own.is_in(group))))
            && (labels.is_empty()
                || identity.is_some_and(|own| {
                    let mut labels = labels.iter();
                    labels.any(|(name, value)| own.label(name) == Some(value))
                }))
    }

    /// The counter of this request under a rule. Fails if a function of the host has panicked.
    pub(super) fn counter(&self, rule: &LimitRule) -> Result<Counter, Panicked> {
        let mut naming = Naming::new(self.settings.scope, rule);
        for by in &rule.by {
            naming.add(by, self.value(by)?.as_deref().unwrap_or_default());
        }
        Ok(naming.counter())
    }

    /// The values of that counter, for an operator. Calls the host's function once more.
    pub(super) fn shown(&self, rule: &LimitRule) -> Result<Values, Panicked> {
        let shown = |by| Ok(naming::shown(by, self.value(by)?.as_deref().unwrap_or_default()));
        rule.by.iter().map(shown).collect()
    }

    fn value(&self, by: &CountBy) -> Result<Option<Cow<'a, [u8]>>, Panicked> {
        let text = |text: &'a str| Cow::Borrowed(text.as_bytes());
        let Self { context, settings, .. } = *self;
        Ok(match by {
            CountBy::Token => context.token_digest().map(|digest| Cow::Borrowed(&digest[..])),
            CountBy::Subject => context.identity().map(|own| text(own.subject())),
            CountBy::Label(name) => context.identity().and_then(|own| own.label(name)).map(text),
            CountBy::Credential => credential(settings, self.upstream, self.headers, self.uri)
                .map(|digest| Cow::Owned(digest.to_vec())),
            CountBy::Provider => Some(text(self.upstream.slug())),
            CountBy::Model => {
                let model = self.asked.model.as_deref().unwrap_or_default();
                Some(Cow::Owned(format!("{}/{model}", self.upstream.slug()).into_bytes()))
            }
            CountBy::Metadata(key) => {
                let value = context.metadata().get(key);
                value.map(|value| Cow::Owned(value.to_string().into_bytes()))
            }
            CountBy::Host(name) => {
                let name = unwind::call(|| name(self.extensions))?;
                name.map(|name| Cow::Owned(name.into_bytes()))
            }
        })
    }
}
