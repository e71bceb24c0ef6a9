//! The resource, region or account of a provider.

use super::layout;

/// A provider's site of its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(super) family: Family,
    /// The name as in paths.
    pub(super) name: Box<str>,
}

/// An API with several sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Azure,
    Bedrock,
    Vertex,
}

impl Family {
    /// The site that a path names, and the rest of the path. `None` if it names none.
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
    /// Returns true if this is the site of that name, in the same family as `of`.
    pub(super) fn is(&self, name: &str, of: &Self) -> bool {
        self.family == of.family && self.name.eq_ignore_ascii_case(name)
    }
}
