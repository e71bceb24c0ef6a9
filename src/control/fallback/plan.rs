//! What can be tried for one request.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use super::alternative::Alternatives;
use crate::context::GatewayContext;
use crate::json::object::ObjectScanner;
use crate::json::string;
use crate::route::{self, Operation};
use crate::step::{Step, StepKey};

/// Who says what can be tried.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// The gateway above: the request's own steps, or else its settings.
    Gateway(GatewayContext),
    /// The layer itself, where there is no gateway.
    Own { alternatives: Arc<Alternatives>, operation: Operation, steps: Arc<[Step]> },
}

impl Plan {
    /// `None` where there is nothing but the first step.
    pub(super) fn of(
        context: Option<&GatewayContext>,
        alternatives: Option<&Arc<Alternatives>>,
        uri: &Uri,
    ) -> Option<Self> {
        if let Some(context) = context {
            return context.may_fall_back().then(|| Self::Gateway(context.clone()));
        }
        let alternatives = alternatives?.clone();
        let steps: Arc<[Step]> = alternatives.steps(uri).into();
        let operation = alternatives.operation(uri);
        (!steps.is_empty()).then_some(Self::Own { alternatives, operation, steps })
    }

    pub(super) fn context(&self) -> Option<&GatewayContext> {
        match self {
            Self::Gateway(context) => Some(context),
            Self::Own { .. } => None,
        }
    }

    /// What the current step asks for.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Gateway(context) => context.operation(),
            Self::Own { operation, .. } => *operation,
        }
    }

    /// Whether the body must be read before it is known what can be tried.
    pub(super) fn needs_model(&self) -> bool {
        match self {
            Self::Gateway(context) => match context.further() {
                Some(steps) => steps.iter().any(changes_model),
                None => true,
            },
            Self::Own { steps, .. } => steps.iter().any(changes_model),
        }
    }

    /// The steps after the first. `model`: what the body names.
    pub(super) fn steps(&self, model: Option<&str>) -> &[Step] {
        match self {
            Self::Own { steps, .. } => steps,
            Self::Gateway(context) => {
                if context.further().is_none() {
                    context.set_further(by_settings(context, model));
                }
                context.further().unwrap_or_default()
            }
        }
    }
}

fn changes_model(step: &Step) -> bool {
    step.entry.is_none() && step.model.is_some()
}

/// What the settings of a gateway say can be tried.
fn by_settings(context: &GatewayContext, model: Option<&str>) -> Vec<Step> {
    let (Some(settings), Some(first)) = (context.settings(), context.first_upstream()) else {
        return Vec::new();
    };
    let Some(chain) = settings.fallbacks.iter().find(|chain| chain.fits(first, model)) else {
        return Vec::new();
    };
    let rest = context.provider_path();
    let endpoint = route::endpoint(rest);
    let steps = chain.steps.iter().filter_map(|wanted| {
        let upstream = match &wanted.provider {
            Some(name) => context.find_provider(name)?.clone(),
            None => first.clone(),
        };
        let is_same = upstream.slug() == first.slug();
        let mut step = match endpoint {
            Some(endpoint) => Step::unified(upstream, endpoint, wanted.model.clone()),
            // Elsewhere than at the four, providers have little in common.
            None if !is_same => return None,
            None => Step::native(upstream, rest.to_owned(), wanted.model.clone()),
        };
        step.key = StepKey::Stored(wanted.alias.clone());
        Some(step)
    });
    steps.collect()
}

/// The model that a whole body names, and where it stands.
#[derive(Debug)]
pub(super) struct NamedModel {
    pub(super) name: String,
    pub(super) span: std::ops::Range<u64>,
}

impl NamedModel {
    /// `None` where the body is no JSON object, or does not name one model: what a provider would
    /// make of two, nobody can know.
    pub(super) fn of(frames: &[Bytes]) -> Option<Self> {
        let mut scanner = ObjectScanner::new();
        for frame in frames {
            scanner.push(frame).ok()?;
        }
        scanner.finish().ok()?;
        let model = scanner.model()?;
        Some(Self { name: string::decode(&model.raw)?, span: model.span() })
    }
}
