//! Providers that a file sets up by their kind: those whose host depends on a resource, a region or
//! an account, and copies of other built-in providers.

use crate::config::place::{Located, Mistake, Table, Text};
use crate::config::providers::Raw;
use crate::provider::Provider;

/// The provider of a kind, and the setting that determines its host; `None` for an unknown kind.
/// Removes the settings that the kind needs from the section.
pub(super) fn of_kind(
    kind: &str,
    raw: &mut Table<Raw>,
) -> Result<Option<(Provider, Option<Text>)>, Mistake> {
    let section = raw.place();
    let need = |name, value: Option<Text>| value.ok_or_else(|| section.missing(name));
    let (provider, place) = match kind {
        "azure-openai" | "azure" => {
            let resource = need("resource", raw.fields.resource.take())?;
            (Provider::azure_openai(resource.get_ref()), resource)
        }
        "google-vertex-ai" | "vertex-ai" => {
            let project = need("project", raw.fields.project.take())?;
            let region = need("region", raw.fields.region.take())?;
            (Provider::vertex_ai(project.get_ref(), region.get_ref()), region)
        }
        "aws-bedrock" | "bedrock" => {
            let region = need("region", raw.fields.region.take())?;
            (Provider::bedrock(region.get_ref()), region)
        }
        "aws-bedrock-mantle" => {
            let region = need("region", raw.fields.region.take())?;
            (Provider::bedrock_mantle(region.get_ref()), region)
        }
        "workers-ai" => {
            let account = need("account", raw.fields.account.take())?;
            (Provider::workers_ai(account.get_ref()), account)
        }
        kind => {
            let known = Provider::all().into_iter().find(|provider| provider.answers_to(kind));
            return Ok(known.map(|provider| (provider, None)));
        }
    };
    Ok(Some((provider, Some(place))))
}
