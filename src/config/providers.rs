//! `[providers]`: the built-in table, with what the file moves or adds.

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use super::certificates::{self, Certificates};
use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::kinds::{of_kind, one_more};
use super::secrets::text_or_secret;
use super::section::{Named, Place, Section};
use super::value::Value;
use crate::directives::form::Whole;
use crate::provider::{Provider, Upstream};
use crate::util::config_error::ConfigError;
use crate::util::redact;

pub(super) const WEIGHT: Whole = Whole {
    must_be: "a whole number from 1 to 1000000",
    fits: |weight| (1..=1_000_000).contains(&weight),
};

/// All providers that a file knows.
pub(super) struct Providers(pub(super) Vec<Provider>);

impl Providers {
    pub(super) fn read(
        root: &mut Section<'_>,
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        certificates: &mut Certificates,
    ) -> Result<Self, ConfigFileError> {
        let mut providers = Self(Provider::all());
        let Some(mut section) = root.section("providers")? else { return Ok(providers) };
        let mut set = Vec::new();
        for (name, value) in section.rest() {
            let mut section = value.section()?;
            let place = section.place.clone();
            let at = providers.0.iter().position(|provider| provider.answers_to(&name));
            let twice = || place.refuse(Kind::Duplicate, "this provider is set twice");
            let known = at.and_then(|at| providers.0.get(at)).map(Provider::slug);
            if known.is_some_and(|known| set.iter().any(|slug| slug == known)) {
                return Err(twice());
            }
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            let certificate = certificates::read(&mut section)?;
            #[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
            refuse_certificate(&mut section)?;
            let provider = providers.provider(&name, at, section)?;
            if set.iter().any(|slug| *slug == provider.slug()) {
                return Err(twice());
            }
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            if let Some(certificate) = certificate {
                certificates.add(certificate, &provider)?;
            }
            set.push(provider.slug().to_owned());
            match at.and_then(|at| providers.0.get_mut(at)) {
                Some(known) => *known = provider,
                None => providers.0.push(provider),
            }
        }
        // Two of them may be on one server.
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        certificates.at(&providers.0)?;
        Ok(providers)
    }

    /// The slug of the provider of this name.
    pub(super) fn slug(&self, name: &Named<'_>) -> Result<String, ConfigFileError> {
        self.slug_at(&name.text, &name.place)
    }

    pub(super) fn slug_at(&self, name: &str, place: &Place<'_>) -> Result<String, ConfigFileError> {
        let known = self.0.iter().find(|provider| provider.answers_to(name));
        known.map(|provider| provider.slug().to_owned()).ok_or_else(|| {
            let message = format!("`{name}` is no provider: neither built in nor in [providers]");
            place.refuse(Kind::UnknownProvider, message)
        })
    }

    fn provider(
        &self,
        name: &str,
        at: Option<usize>,
        mut section: Section<'_>,
    ) -> Result<Provider, ConfigFileError> {
        let mut known = at.and_then(|at| self.0.get(at)).cloned();
        let made = match (section.text("kind")?, &known) {
            (None, Some(_)) => None,
            (None, None) => of_kind(name, &mut section)?,
            (Some(kind), Some(_)) => {
                let message = "a provider of this name is built in: name another one";
                return Err(kind.place.refuse(Kind::Conflict, message));
            }
            (Some(kind), None) => Some(one_more(name, &kind, &mut section)?),
        };
        if let Some((made, place)) = made {
            let place = place.map_or(section.place.clone(), |place| place.place);
            known = Some(check(made, &place)?);
        }
        let base_url = section.text("base_url")?;
        let mut provider = match (known, base_url) {
            (Some(known), None) => known,
            (Some(known), Some(url)) => check(known.base_url(url.text), &url.place)?,
            (None, url) => {
                let url = section.need("base_url", url)?;
                let provider = Provider::custom(name, url.text);
                // Its name first, for a mistake in that is none of the URL's.
                check(provider.clone().base_url("http://localhost"), &section.place)?;
                check(provider, &url.place)?
            }
        };
        if let Some(weight) = section.whole("weight", &WEIGHT)? {
            provider = provider.weight(weight as u32);
        }
        for further in section.list("further_base_urls")? {
            let mut section = further.section()?;
            let url = section.text("base_url")?;
            let url = section.need("base_url", url)?;
            let weight = section.whole("weight", &WEIGHT)?.unwrap_or(1);
            provider = check(provider.further_base_url(url.text, weight as u32), &url.place)?;
            section.end()?;
        }
        for alias in section.texts("aliases")?.unwrap_or_default() {
            let others = self.0.iter().enumerate().filter(|(index, _)| Some(*index) != at);
            if others.map(|(_, other)| other).any(|other| other.answers_to(&alias.text)) {
                let message = "another provider has this name";
                return Err(alias.place.refuse(Kind::Duplicate, message));
            }
            if !provider.answers_to(&alias.text) {
                provider = check(provider.alias(alias.text), &alias.place)?;
            }
        }
        if let Some(header) = section.text("key_header")? {
            provider = check(provider.key_header(header.text), &header.place)?;
        }
        if let Some(path) = section.text("openai_path")? {
            provider = check(provider.openai_path(path.text), &path.place)?;
        }
        if let Some(path) = section.text("messages_path")? {
            provider = check(provider.messages_path(path.text), &path.place)?;
        }
        if let Some(on) = section.flag("join_rule")? {
            provider = provider.join_rule(on);
        }
        if let Some(on) = section.flag("zero_data_retention")? {
            provider = provider.zero_data_retention(on);
        }
        if let Some(mut query) = section.section("query")? {
            for (name, value) in query.rest() {
                let value = value.text()?.unless_key()?;
                provider = check(provider.query(name, value.text), &value.place)?;
            }
        }
        if let Some(mut headers) = section.section("headers")? {
            for (name, value) in headers.rest() {
                let place = value.place.clone();
                let value = fixed_header(&name, value)?;
                provider = check(provider.header(name, value), &place)?;
            }
        }
        if let Some(mut aliases) = section.section("model_aliases")? {
            for (alias, model) in aliases.rest() {
                let model = model.text()?;
                provider = check(provider.model_alias(alias, model.text), &model.place)?;
            }
        }
        if let Some(asks) = section.flag("ask_for_usage")? {
            provider = provider.ask_for_usage(asks);
        }
        section.end()?;
        Ok(provider)
    }
}

/// Left out, it would be shown to nobody: there is no TLS.
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
fn refuse_certificate(section: &mut Section<'_>) -> Result<(), ConfigFileError> {
    section.take("client_certificate").map_or(Ok(()), |value| {
        let message = "this program was built without TLS (`tls-aws-lc-rs` or `tls-ring`), which \
                       shows it";
        Err(value.place.refuse(Kind::UnknownKey, message))
    })
}

/// The value of a header: plain text, or what holds it, where it is no-one else's business.
fn fixed_header(name: &str, value: Value<'_>) -> Result<String, ConfigFileError> {
    let (text, is_plain) = text_or_secret(value)?;
    if is_plain && redact::is_credential(name) {
        return Err(text.place.refuse_plain());
    }
    Ok(text.text)
}

/// Finds a mistake while it is known where it was made.
fn check(provider: Provider, place: &Place<'_>) -> Result<Provider, ConfigFileError> {
    match Upstream::new(provider.clone()) {
        Ok(_) => Ok(provider),
        Err(ConfigError::Slug { .. }) => Err(place.refuse(
            Kind::Value,
            "it cannot name a provider: 1 to 64 of a-z 0-9 - _ . are allowed, `compat` and \
             `dynamic` are reserved",
        )),
        Err(error) => Err(place.refuse(Kind::Value, error)),
    }
}
