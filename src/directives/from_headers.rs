//! Reads the directives of a request from its headers.

use http::{HeaderMap, HeaderName};

use super::{Directive, Directives, Fault, RawValue, Unfit, Warning};
use crate::credentials;
use crate::directives::locks::Locks;
use crate::util::text::is_id;

static GATEWAY_ID: HeaderName = HeaderName::from_static("cf-aig-gateway-id");

/// Parses a client's directives, as far as the host allows them; `None` if there are none. The
/// gateway's token is not a directive.
///
/// A locked header is ignored, whatever its value, or the request is refused.
pub(crate) fn parse(headers: &HeaderMap, locks: &Locks) -> Result<Option<Box<Directives>>, Unfit> {
    // One pass finds all: a look-up by name for each would cost more than everything else.
    let may_be_one = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with("cf-") && name != credentials::TOKEN_NAME
    };
    let found: Vec<_> = headers.iter().filter(|(name, _)| may_be_one(name)).collect();
    if found.is_empty() {
        return Ok(None);
    }
    let mut directives = Box::<Directives>::default();
    for row in Directive::all() {
        let mut values = found.iter().filter(|(name, _)| **name == row.header);
        let Some((_, value)) = values.next() else { continue };
        let unfit = |fault| Unfit { name: row.header.clone(), fault };
        match row.locked(locks) {
            Some(_) if locks.refuse() => return Err(unfit(Fault::Locked)),
            Some(name) => Warning::ignored(&mut directives.warning, name),
            // If a directive is given twice, neither value is right.
            None if values.next().is_some() => {
                return Err(unfit(Fault::MustBe("given once".into())));
            }
            None => (row.set)(&mut directives, RawValue::Header(value), locks)
                .map_err(|must_be| unfit(Fault::MustBe(must_be)))?,
        }
    }
    Ok(Some(directives))
}

/// The gateway that `cf-aig-gateway-id` names. It decides which other headers are allowed, and who
/// may learn that they are malformed.
pub(crate) fn gateway_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&GATEWAY_ID).iter();
    let id = values.next().filter(|_| values.next().is_none())?;
    id.to_str().ok().filter(|id| is_id(id))
}

/// The directives of a refused request: only its gateway id.
pub(crate) fn gateway_alone(headers: &HeaderMap) -> Option<Box<Directives>> {
    let gateway_id = gateway_id(headers)?.into();
    Some(Box::new(Directives { gateway_id: Some(gateway_id), ..Directives::default() }))
}
