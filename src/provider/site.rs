//! Which resource, region or account of an API a provider is.

use super::layout;

/// Which place of an API a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(super) family: Family,
    /// As paths name it.
    pub(super) name: Box<str>,
}

/// An API that is in several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Azure,
    Bedrock,
    Vertex,
}

impl Family {
    /// The place that a path names, and the path as the provider expects it. `None` if it names none.
    pub(super) fn named(self, rest: &str) -> Option<(&str, &str)> {
        let (first, behind) = layout::split(rest);
        match self {
            Self::Azure => (!layout::is_azure_area(first)).then_some((first, behind)),
            Self::Bedrock => {
                let is_service = matches!(first, "bedrock-runtime" | "bedrock-mantle");
                let (region, behind) = layout::split(behind);
                let name = rest.get(..first.len() + 1 + region.len())?;
                (is_service && !region.is_empty()).then_some((name, behind))
            }
            Self::Vertex => {
                let mut segments = rest.split('/').skip_while(|segment| *segment != "projects");
                let is_location = segments.nth(2) == Some("locations");
                let region = segments.next().filter(|region| is_location && !region.is_empty())?;
                Some((region, rest))
            }
        }
    }
}

impl Site {
    /// The place that a path names, and the path as the provider expects it. `None` if it names none.
    pub(super) fn named<'r>(&self, rest: &'r str) -> Option<(&'r str, &'r str)> {
        self.family.named(rest)
    }

    /// Whether this is the place of that name, in the same family as `of`.
    pub(super) fn is(&self, name: &str, of: &Self) -> bool {
        self.family == of.family && self.name.eq_ignore_ascii_case(name)
    }
}
