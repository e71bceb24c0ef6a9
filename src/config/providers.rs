//! `[providers]`: changes and additions to the built-in providers.

mod kinds;

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use self::kinds::of_kind;
use super::certificates::{Certificates, RawCertificate};
use super::error::ConfigFileErrorKind as Kind;
use super::place::{Located, Mistake, Named, Source, Table, Text, keyword, unless_key};
use super::secret_place::SecretTable;
use super::value::{Weight, section};
use crate::provider::{Provider, Upstream};
use crate::util::config_error::ConfigError;
use crate::util::redact;

section! {
    Raw, provider: Provider, cx: ProviderContext<'_>;
    kind: Text;
    base_url: Text;
    weight: Weight => provider = provider.weight(weight.0);
    further_base_urls: Vec<Table<FurtherBaseUrl>> => for further in further_base_urls {
        let (url, weight) = (&further.base_url, further.weight.as_ref());
        let weight = weight.map_or(1, |weight| weight.0);
        provider = check(provider.further_base_url(url.get_ref(), weight), url)?;
    };
    aliases: Vec<Text> => for alias in aliases {
        let others = cx.providers.0.iter().enumerate().filter(|(index, _)| Some(*index) != cx.at);
        if others.map(|(_, other)| other).any(|other| other.answers_to(alias.get_ref())) {
            return Err(alias.refuse(Kind::Duplicate, "another provider has this name"));
        }
        if !provider.answers_to(alias.get_ref()) {
            provider = check(provider.alias(alias.get_ref()), &alias)?;
        }
    };
    key_header: Text => provider = check(provider.key_header(key_header.get_ref()), &key_header)?;
    openai_path: Text => provider = check(provider.openai_path(openai_path.get_ref()), &openai_path)?;
    messages_path: Text =>
        provider = check(provider.messages_path(messages_path.get_ref()), &messages_path)?;
    merge_repeated_segments: bool => provider = provider.merge_repeated_segments(merge_repeated_segments);
    zero_data_retention: bool => provider = provider.zero_data_retention(zero_data_retention);
    query: Named<Text> => for (name, value) in query {
        let value = unless_key(value.get_ref(), &name)?;
        provider = check(provider.query(name.get_ref(), value), &name)?;
    };
    headers: Named<FixedHeader> => for (name, value) in headers {
        let value = value.read(&name, cx.source)?;
        provider = check(provider.header(name.get_ref(), value), &name)?;
    };
    model_aliases: Named<Text> => for (alias, model) in model_aliases {
        provider = check(provider.model_alias(alias.get_ref(), model.get_ref()), &alias)?;
    };
    ask_for_usage: bool => provider = provider.ask_for_usage(ask_for_usage);
    resource: Text => return Err(resource.refuse_unknown());
    project: Text => return Err(project.refuse_unknown());
    region: Text => return Err(region.refuse_unknown());
    account: Text => return Err(account.refuse_unknown());
    client_certificate: Table<RawCertificate> =>
        cx.certificates.add(&client_certificate, &provider, cx.source)?;
}

/// The error for an unknown name. The name is not repeated: it may be a key.
pub(super) const NO_PROVIDER: &str =
    "no provider has this name, neither a built-in one nor one in [providers]";

/// The context for reading a provider.
pub(super) struct ProviderContext<'c> {
    providers: &'c Providers,
    /// Its index among them, if it is one of them.
    at: Option<usize>,
    source: &'c Source<'c>,
    certificates: &'c mut Certificates,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FurtherBaseUrl {
    base_url: Text,
    weight: Option<Weight>,
}

/// The built-in providers with the file's changes and additions.
pub(super) struct Providers(pub(super) Vec<Provider>);

impl Providers {
    pub(super) fn read(
        raw: Named<Table<Raw>>,
        source: &Source<'_>,
        certificates: &mut Certificates,
    ) -> Result<Self, Mistake> {
        let mut providers = Self(Provider::all());
        let mut set: Vec<String> = Vec::new();
        for (name, raw) in raw {
            let at = providers.0.iter().position(|known| known.answers_to(name.get_ref()));
            let once = |provider: &Provider| {
                let is_set = set.iter().any(|slug| *slug == provider.slug());
                let twice = || name.refuse(Kind::Duplicate, "this provider is set twice");
                if is_set { Err(twice()) } else { Ok(()) }
            };
            at.and_then(|at| providers.0.get(at)).map_or(Ok(()), once)?;
            let context = ProviderContext { providers: &providers, at, source, certificates };
            let provider = context.provider(&name, raw)?;
            once(&provider)?;
            set.push(provider.slug().to_owned());
            match at.and_then(|at| providers.0.get_mut(at)) {
                Some(known) => *known = provider,
                None => providers.0.push(provider),
            }
        }
        Ok(providers)
    }

    /// The slug of the provider with this name.
    pub(super) fn slug(&self, name: &Text) -> Result<String, Mistake> {
        self.find(name.get_ref()).ok_or_else(|| name.refuse(Kind::UnknownProvider, NO_PROVIDER))
    }

    /// Like [`slug`](Self::slug), without an error.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        let known = self.0.iter().find(|provider| provider.answers_to(name));
        known.map(|provider| provider.slug().to_owned())
    }
}

impl ProviderContext<'_> {
    fn provider(self, name: &Text, mut raw: Table<Raw>) -> Result<Provider, Mistake> {
        let known = self.at.and_then(|at| self.providers.0.get(at)).cloned();
        let of_kind = match (raw.fields.kind.take(), &known) {
            (None, Some(_)) => None,
            (None, None) => of_kind(name.get_ref(), &mut raw)?,
            (Some(kind), Some(_)) => {
                let message = "a built-in provider has this name: choose another";
                return Err(kind.refuse(Kind::Conflict, message));
            }
            (Some(kind), None) => {
                let must_be = "the slug of a built-in provider, such as \"azure-openai\"";
                let found = of_kind(kind.get_ref(), &mut raw)?;
                let (provider, place) = keyword(&kind, |_| found, must_be)?;
                let is_itself = provider.answers_to(name.get_ref());
                Some((if is_itself { provider } else { provider.with_slug(name.get_ref()) }, place))
            }
        };
        let known = match of_kind {
            Some((made, place)) => Some(check(made, place.as_ref().unwrap_or(name))?),
            None => known,
        };
        let provider = match (known, &raw.base_url) {
            (Some(known), None) => known,
            (Some(known), Some(url)) => check(known.base_url(url.get_ref()), url)?,
            (None, None) => return Err(raw.missing("base_url")),
            (None, Some(url)) => {
                let provider = Provider::custom(name.get_ref(), url.get_ref());
                // Check the name first, so that a bad name is not reported at the URL.
                check(provider.clone().base_url("http://localhost"), name)?;
                check(provider, url)?
            }
        };
        raw.fields.apply(provider, self)
    }
}

/// The value of a header: plain text, or the place of a secret.
pub(super) enum FixedHeader {
    Plain(String),
    Secret(SecretTable),
}

impl FixedHeader {
    fn read(&self, name: &Text, source: &Source<'_>) -> Result<String, Mistake> {
        match self {
            Self::Plain(_) if redact::is_credential(name.get_ref()) => Err(name.refuse_plain()),
            Self::Plain(text) => unless_key(text, name).map(str::to_owned),
            Self::Secret(table) => {
                let place = table.secret_place()?.ok_or_else(|| {
                    name.refuse(Kind::Missing, "it must be a text, or a table with `env` or `file`")
                })?;
                place.read_header(source)
            }
        }
    }
}

impl<'de> Deserialize<'de> for FixedHeader {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PlainOrSecret;

        impl<'de> Visitor<'de> for PlainOrSecret {
            type Value = FixedHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table with `env` or `file`")
            }

            fn visit_str<E>(self, text: &str) -> Result<FixedHeader, E> {
                Ok(FixedHeader::Plain(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FixedHeader, A::Error> {
                SecretTable::deserialize(MapAccessDeserializer::new(map)).map(FixedHeader::Secret)
            }
        }

        from.deserialize_any(PlainOrSecret)
    }
}

/// Checks the provider so far, so that an error is reported at this place.
fn check(provider: Provider, place: &Text) -> Result<Provider, Mistake> {
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
