//! Providers that a file sets up by their kind: those whose host depends on a resource, a region or
//! an account, and one more of any other that is built in.

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::section::{Named, Section};
use crate::provider::Provider;

/// The provider of a section, and what names the place at which it is; `None` where the kind is none
/// that is built in.
pub(super) fn of_kind<'s>(
    kind: &str,
    section: &mut Section<'s>,
) -> Result<Option<(Provider, Option<Named<'s>>)>, ConfigFileError> {
    let mut need = |name: &str| {
        let value = section.text(name)?;
        section.need(name, value)
    };
    Ok(Some(match kind {
        "azure-openai" | "azure" => {
            let resource = need("resource")?;
            (Provider::azure_openai(&resource.text), Some(resource))
        }
        "google-vertex-ai" | "vertex-ai" => {
            let (project, region) = (need("project")?, need("region")?);
            (Provider::vertex_ai(&project.text, &region.text), Some(region))
        }
        "aws-bedrock" | "bedrock" => {
            let region = need("region")?;
            (Provider::bedrock(&region.text), Some(region))
        }
        "aws-bedrock-mantle" => {
            let region = need("region")?;
            (Provider::bedrock_mantle(&region.text), Some(region))
        }
        "workers-ai" => {
            let account = need("account")?;
            (Provider::workers_ai(&account.text), Some(account))
        }
        kind => match Provider::all().into_iter().find(|provider| provider.answers_to(kind)) {
            Some(provider) => (provider, None),
            None => return Ok(None),
        },
    }))
}

/// What a section with `kind` is one more of.
pub(super) fn one_more<'s>(
    name: &str,
    kind: &Named<'s>,
    section: &mut Section<'s>,
) -> Result<(Provider, Option<Named<'s>>), ConfigFileError> {
    let found = of_kind(&kind.text, section)?;
    let (provider, place) = found.ok_or_else(|| {
        let message =
            "it must be the slug of a provider that is built in, such as \"azure-openai\"";
        kind.place.refuse(Kind::Value, message)
    })?;
    let is_itself = provider.answers_to(name);
    Ok((if is_itself { provider } else { provider.with_slug(name) }, place))
}
