//! The steps that can be tried for a request.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use super::alternative::{Alternatives, step_at};
use crate::context::GatewayContext;
use crate::context::step::{Step, StepKey};
use crate::json::object::{ObjectScanner, ScanError};
use crate::json::string;
use crate::request::access::allow_step;
use crate::usage::Shape;
use crate::util::operation::Operation;

/// Where the steps of a request come from.
#[derive(Debug)]
pub(super) enum Plan {
    /// From the gateway above: the request's own steps, or else its settings.
    Gateway(GatewayContext),
    /// From the layer itself, without a gateway.
    Own { alternatives: Arc<Alternatives>, operation: Operation, steps: Vec<Step> },
}

impl Plan {
    /// `None` if there is only the first step.
    pub(super) fn of(
        context: Option<&GatewayContext>,
        alternatives: Option<&Arc<Alternatives>>,
        uri: &Uri,
    ) -> Option<Self> {
        if let Some(context) = context {
            return context.may_fall_back().then(|| Self::Gateway(context.clone()));
        }
        let alternatives = alternatives?.clone();
        let (operation, steps) = alternatives.steps(uri)?;
        (!steps.is_empty()).then_some(Self::Own { alternatives, operation, steps })
    }

    pub(super) fn context(&self) -> Option<&GatewayContext> {
        match self {
            Self::Gateway(context) => Some(context),
            Self::Own { .. } => None,
        }
    }

    /// The format of the current step's response.
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Gateway(context) => context.shape(),
            Self::Own { operation, .. } => (*operation).into(),
        }
    }

    /// Returns true if the possible steps depend on the model in the body.
    pub(super) fn needs_model(&self) -> bool {
        match self {
            Self::Gateway(context) => match context.further() {
                Some(steps) => steps.iter().any(changes_model),
                None => true,
            },
            Self::Own { steps, .. } => steps.iter().any(changes_model),
        }
    }

    /// The steps after the first. `model` is the body's.
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

/// The fallbacks in the gateway's settings.
fn by_settings(context: &GatewayContext, model: Option<&str>) -> Vec<Step> {
    let (Some(settings), Some(first)) = (context.settings(), context.first_upstream()) else {
        return Vec::new();
    };
    let Some(chain) = settings.fallbacks.iter().find(|chain| chain.fits(first, model)) else {
        return Vec::new();
    };
    let rest = context.provider_path();
    let steps = chain.steps.iter().filter_map(|wanted| {
        let upstream = match &wanted.provider {
            Some(name) => context.find_provider(name)?.clone(),
            None => first.clone(),
        };
        let alias = || model.and_then(|model| upstream.model_of(model)).map(Box::from);
        let asked = model;
        let model = wanted.model.clone().or_else(alias);
        if !allow_step(context, &upstream, model.as_deref().or(asked)) {
            return None;
        }
        let mut step = step_at(upstream, first, rest, model)?;
        step.key = StepKey::Stored(wanted.alias.clone());
        Some(step)
    });
    steps.collect()
}

/// The model of a complete body.
#[derive(Debug)]
pub(super) enum BodyModel {
    Named(NamedModel),
    /// It is not a JSON object, or has no model.
    Absent,
    /// It has several models, or one that is not a string: providers may read it differently.
    Unclear,
}

/// The model of a body, and its position.
#[derive(Debug)]
pub(super) struct NamedModel {
    pub(super) name: String,
    pub(super) span: std::ops::Range<u64>,
}

impl BodyModel {
    pub(super) fn of(frames: &[Bytes]) -> Self {
        let mut scanner = ObjectScanner::new();
        let mut pushed = frames.iter().map(|frame| scanner.push(frame));
        match pushed.find_map(Result::err).or_else(|| scanner.finish().err()) {
            None => {}
            Some(ScanError::NotAnObject) => return Self::Absent,
            Some(_) => return Self::Unclear,
        }
        let Some(model) = scanner.model() else { return Self::Absent };
        match string::decode(&model.raw) {
            Some(name) => Self::Named(NamedModel { name, span: model.span() }),
            None => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_one_model_or_none_or_nobody_knows() {
        let of = |body: &'static str| {
            let frames: Vec<_> = body.as_bytes().chunks(3).map(Bytes::from_static).collect();
            match BodyModel::of(&frames) {
                BodyModel::Named(model) => {
                    let span = model.span.start as usize..model.span.end as usize;
                    format!("{} = {}", &body[span], model.name)
                }
                BodyModel::Absent => "absent".to_owned(),
                BodyModel::Unclear => "unclear".to_owned(),
            }
        };
        for (body, expected) in [
            (r#"{"n":1,"model":"m"}"#, "m = m"),
            (r#"{"model":"\u006d\/1","n":{"model":2}}"#, r"\u006d\/1 = m/1"),
            (r#"{"n":1}"#, "absent"),
            ("", "absent"),
            ("--boundary", "absent"),
            ("[1]", "absent"),
            (r#"{"model":"m","mod\u0065l":"n"}"#, "unclear"),
            (r#"{"model":1}"#, "unclear"),
            (r#"{"model":"\ud800"}"#, "unclear"),
            (r#"{"model":"m""#, "unclear"),
            (r#"{"model":"m",}x"#, "unclear"),
        ] {
            assert_eq!(of(body), expected, "{body}");
        }
    }
}
