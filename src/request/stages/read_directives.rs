//! Reads the directives of a request.

use http::HeaderMap;

use crate::directives::{self, Directives};
use crate::rejection::Rejection;
use crate::response::messages;
use crate::settings::GatewaySettings;

/// The request's directives over the gateway's defaults, and what is wrong with them. For an
/// unauthorized request, only the gateway id is read.
pub(super) fn read_directives(
    headers: &HeaderMap,
    settings: Option<&GatewaySettings>,
    is_authorized: bool,
) -> (Option<Box<Directives>>, Option<Rejection>) {
    let (own, unfit) = match is_authorized {
        false => (directives::gateway_alone(headers), None),
        true => match directives::parse(headers, GatewaySettings::locks_of(settings)) {
            Ok(directives) => (directives, None),
            Err(unfit) => {
                (directives::gateway_alone(headers), Some(messages::unfit_header(&unfit)))
            }
        },
    };
    let defaults = settings.and_then(|settings| settings.defaults());
    let directives = match defaults {
        Some(defaults) => own.map(|own| Box::new(own.or(defaults))),
        None => own,
    };
    (directives, unfit)
}
