//! What clients may say in control headers, and the metadata that are the host's own.

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::section::{Named, Section};
use crate::directives::locks::Locks;
use crate::directives::locks::{ClientControl, LockedHeaders};
use crate::settings::GatewaySettingsBuilder;

pub(super) fn read(
    section: &mut Section<'_>,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, ConfigFileError> {
    if let Some(names) = section.texts("client_controls")? {
        let controls: Result<Vec<_>, _> = names.iter().map(control).collect();
        builder = builder.client_controls(controls?);
    }
    if let Some(word) = section.text("locked_headers")? {
        let choice = LockedHeaders::named(&word.text).ok_or_else(|| {
            word.place.refuse(Kind::Value, "it must be \"pass_over\" or \"refuse\"")
        });
        builder = builder.locked_headers(choice?);
    }
    // The builder finds the same mistakes, and does not know where they stand.
    let mut found = Locks::default();
    if let Some(mut entries) = section.section("metadata")? {
        for (name, value) in entries.rest() {
            let place = value.place.clone();
            let value = value.scalar()?;
            if found.hold(name.clone(), value.clone()).is_err() {
                let message = "there may be up to 16 entries, none beginning with `cf.`";
                return Err(place.refuse(Kind::Value, message));
            }
            builder = builder.metadata(name, value);
        }
    }
    for key in section.texts("reserved_metadata")?.into_iter().flatten() {
        if found.reserve(key.text.clone()).is_err() {
            let message = "there may be up to 16 keys, none empty or beginning with `cf.`";
            return Err(key.place.refuse(Kind::Value, message));
        }
        builder = builder.reserve_metadata(key.text);
    }
    Ok(builder)
}

fn control(name: &Named<'_>) -> Result<ClientControl, ConfigFileError> {
    ClientControl::named(&name.text).ok_or_else(|| {
        let all: Vec<_> = ClientControl::ALL.into_iter().map(ClientControl::name).collect();
        let message = match name.text.as_str() {
            "zdr" | "allowed_models" | "allowed_providers" => {
                "it only narrows what a request may reach, and always holds: leave it out"
                    .to_owned()
            }
            _ => format!("it must be one of {}", all.join(", ")),
        };
        name.place.refuse(Kind::Value, message)
    })
}
