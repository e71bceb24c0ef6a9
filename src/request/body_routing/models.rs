//! Checks the models that a body names on a provider's own path.

use bytes::Bytes;
use http_body::Body;
use tower::BoxError;

use super::{BodyRouting, Reading};
use crate::rejection::Rejection;
use crate::request::access;
use crate::request::access::allow_model;
use crate::request::allowance::Allowance;
use crate::request::peek::Found;
use crate::request::peek_for::PeekFor;
use crate::response::messages;

impl<B> BodyRouting<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn restrict_models(&self, found: Found) -> Result<(), Rejection> {
        let Self { head, peek_for, relay, reading, .. } = self;
        let (context, peek) = match reading {
            Reading::Model(peek) => (&relay.context, peek),
            Reading::Whole(_) => return Err(messages::unreadable_model()),
        };
        if *peek_for == PeekFor::AnyModel && found != Found::Empty {
            access::allow_body(head.headers(), peek.reads_form())?;
        }
        match found {
            Found::Named(model) => {
                let allowed = allow_model(Allowance::of(context), &model);
                context.set_body_model(&model);
                if let Some(watch) = &relay.watch {
                    watch.set_model(model);
                }
                allowed
            }
            Found::Open => Ok(()),
            Found::Empty => access::allow_empty(context),
            Found::NoModel => {
                access::allow_without_model(context, context.provider_path(), peek.has_named())
            }
            Found::NotJson | Found::Routed(_) | Found::Whole(_) => {
                Err(messages::unreadable_model())
            }
        }
    }
}
