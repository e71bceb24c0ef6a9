//! `[identity.jwt]`: the issuer of tokens that identify callers.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{Located, Mistake, Source, Table, Text, keyword};
use super::value::{Milliseconds, section};
use crate::jwt::JwtVerifierBuilder;
use crate::jwt::{Jwks, JwksError, JwtAlgorithm, JwtConfigError, JwtLayer, JwtVerifier};
use crate::util::seconds;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    jwt: Option<Table<Jwt>>,
}

section! {
    Jwt, builder: JwtVerifierBuilder, _cx: ();
    issuer: String => builder = builder.issuer(issuer);
    audience: OneOrMore =>
        builder = Vec::from(audience).into_iter().fold(builder, JwtVerifierBuilder::audience);
    jwks_url: Text;
    jwks_file: Text;
    algorithms: Vec<Text> => {
        let algorithms = algorithms.iter().map(algorithm).collect::<Result<Vec<_>, _>>()?;
        builder = builder.algorithms(algorithms);
    };
    subject: OneOrMore => builder = builder.subject_claims(Vec::from(subject));
    groups: String => builder = builder.groups_claim(groups);
    only_groups: Vec<String> => builder = builder.only_groups(only_groups);
    labels: BTreeMap<String, String> => for (name, claim) in labels {
        builder = builder.label(name, claim);
    };
    metric_labels: BTreeMap<String, String> => for (name, claim) in metric_labels {
        builder = builder.metric_label(name, claim);
    };
    leeway_ms: Milliseconds<0, 3_600_000> =>
        builder = builder.leeway(Duration::from_secs(seconds::rounded_up(leeway_ms.0)));
    headers: Vec<Text>;
    required: bool;
}

/// A string or a list of strings.
#[derive(Deserialize)]
#[serde(untagged, expecting = "it must be a string or a list of strings")]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Vec<String> {
    fn from(texts: OneOrMore) -> Self {
        match texts {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        }
    }
}

impl Table<Identity> {
    pub(super) fn read(self, source: &Source<'_>) -> Result<JwtLayer, Mistake> {
        let place = self.place();
        self.fields.jwt.ok_or_else(|| place.missing("jwt"))?.read(source)
    }
}

impl Table<Jwt> {
    fn read(self, source: &Source<'_>) -> Result<JwtLayer, Mistake> {
        let place = self.place();
        self.issuer.as_ref().ok_or_else(|| place.missing("issuer"))?;
        self.audience.as_ref().ok_or_else(|| place.missing("audience"))?;
        let builder = JwtVerifier::builder(self.keys(source)?);
        let name = |name| keyword(name, |text| text.parse().ok(), "the name of a header");
        let headers = self.headers.as_ref().map(|all| all.iter().map(name).collect());
        let headers: Option<Vec<_>> = headers.transpose()?;
        let is_required = self.required.unwrap_or(true);
        let verifier = self.fields.apply(builder, ())?.build().map_err(|error| {
            let kind = match error {
                JwtConfigError::Labels(_) => Kind::Value,
                _ => Kind::Missing,
            };
            refuse(&place, kind, &error)
        })?;
        let mut layer = JwtLayer::new(verifier);
        if let Some(names) = headers {
            if names.is_empty() {
                return Err(place.refuse(Kind::Missing, "tokens need a header"));
            }
            layer = layer.headers(names);
        }
        Ok(if is_required { layer } else { layer.optional() })
    }

    fn keys(&self, source: &Source<'_>) -> Result<Jwks, Mistake> {
        let (place, keys) = match (&self.jwks_url, &self.jwks_file) {
            (Some(_), Some(file)) => {
                let message = "it must have either `jwks_url` or `jwks_file`, not both";
                return Err(file.refuse(Kind::Conflict, message));
            }
            (None, None) => {
                let message = "it needs `jwks_url` or `jwks_file`: the issuer's keys";
                return Err(self.refuse(Kind::Missing, message));
            }
            (Some(url), None) => (url, fetched(url.get_ref())),
            (None, Some(file)) => (file, Jwks::from_file(source.path(file))),
        };
        keys.map_err(|error| {
            let kind = match error {
                JwksError::File(_) => Kind::Unreadable,
                _ => Kind::Value,
            };
            refuse(place, kind, &error)
        })
    }
}

/// An error with its sources.
fn refuse(place: &impl Located, kind: Kind, error: &dyn Error) -> Mistake {
    match error.source() {
        Some(source) => place.refuse(kind, format_args!("{error}: {source}")),
        None => place.refuse(kind, error),
    }
}

#[cfg(feature = "client")]
fn fetched(url: &str) -> Result<Jwks, JwksError> {
    Jwks::from_url(url)
}

/// Without an HTTP client, keys cannot be fetched.
#[cfg(not(feature = "client"))]
fn fetched(_: &str) -> Result<Jwks, JwksError> {
    let error = "fetching keys needs the feature `client`, and this program was built without it";
    Err(JwksError::Client(Box::<dyn Error + Send + Sync>::from(error).into()))
}

fn algorithm(name: &Text) -> Result<JwtAlgorithm, Mistake> {
    const MUST_BE: &str = "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and \
                           EdDSA: tokens without a signature, or with a shared secret, prove nothing here";
    keyword(name, JwtAlgorithm::named, MUST_BE)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("jwks.json"), KEYS).unwrap();
        std::fs::write(directory.path().join("broken.json"), "{}").unwrap();
        directory
    }

    fn checked(text: &str) -> Result<Config, String> {
        let directory = directory();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, text).unwrap();
        Config::from_file(&path).map_err(|error| {
            let text = error.to_string();
            text.split_once("gateway.toml, ").map_or(text.clone(), |(_, rest)| rest.to_owned())
        })
    }

    const FILE: &str = "[identity.jwt]\nissuer = \"https://issuer.example\"\naudience = \"me\"\n";

    #[test]
    fn an_issuer_is_read_with_all_that_can_be_said_of_it() {
        checked(&format!("{FILE}jwks_file = \"jwks.json\"\n")).unwrap();
        let config = checked(&format!(
            "{FILE}jwks_url = \"https://issuer.example/keys\"\nalgorithms = [\"RS256\", \"EdDSA\"]\n\
             headers = [\"authorization\"]\nsubject = [\"email\", \"common_name\"]\n\
             groups = \"/custom/groups\"\nonly_groups = [\"a\"]\nlabels = {{ team = \"team\" }}\n\
             metric_labels = {{ plan = \"plan\" }}\nleeway_ms = 0\nrequired = false\n"
        ))
        .unwrap();
        let shown = format!("{:?}", config.jwt_layer());
        assert!(
            shown.contains("issuer.example/keys") && shown.contains("authorization"),
            "{shown}"
        );
        assert!(shown.contains("is_required: false"), "{shown}");
        assert!(format!("{:?}", checked("").unwrap().jwt_layer()).contains("checks: None"));
    }

    #[test]
    fn mistakes_are_reported_with_their_line_and_key() {
        let keys = "jwks_file = \"jwks.json\"\n";
        for (text, expected) in [
            ("[identity.jwt]\n".to_owned(), "line 1, identity.jwt: it needs `issuer`"),
            ("[identity]\n".to_owned(), "line 1, identity: it needs `jwt`"),
            ("[identity]\nnonsense = 1\n".to_owned(), "line 2, identity.nonsense: there is no"),
            ("identity = 1\n".to_owned(), "line 1, identity: it must be a table"),
            (FILE.to_owned(), "line 1, identity.jwt: it needs `jwks_url` or `jwks_file`"),
            (
                format!("{FILE}{keys}jwks_url = \"https://a.example\"\n"),
                "line 4, identity.jwt.jwks_file: it must have either",
            ),
            (
                format!("{FILE}jwks_url = \"http://a.example\"\n"),
                "line 4, identity.jwt.jwks_url: the URL must be one of https",
            ),
            (
                format!("{FILE}jwks_file = \"missing.json\"\n"),
                "line 4, identity.jwt.jwks_file: the file of keys cannot be read: ",
            ),
            (
                format!("{FILE}jwks_file = \"broken.json\"\n"),
                "line 4, identity.jwt.jwks_file: what should be the keys is no JWKS",
            ),
            (
                format!("{FILE}{keys}algorithms = [\"RS256\", \"HS256\"]\n"),
                "line 5, identity.jwt.algorithms[1]: it must be one of RS256",
            ),
            (
                format!("{FILE}{keys}algorithms = [\"none\"]\n"),
                "line 5, identity.jwt.algorithms[0]: it must be one of RS256",
            ),
            (format!("{FILE}{keys}algorithms = []\n"), "identity.jwt: tokens need an algorithm"),
            (format!("{FILE}{keys}headers = []\n"), "identity.jwt: tokens need a header"),
            (
                format!("{FILE}{keys}headers = [\"a b\"]\n"),
                "line 5, identity.jwt.headers[0]: it must be the name of a header",
            ),
            (
                format!("{FILE}{keys}labels = {{ \"a b\" = \"c\" }}\n"),
                "line 1, identity.jwt: no identity can have these labels: ",
            ),
            (
                format!("{FILE}{keys}leeway_ms = 3600001\n"),
                "line 5, identity.jwt.leeway_ms: it must be milliseconds",
            ),
            (format!("{FILE}{keys}required = 1\n"), "identity.jwt.required: it must be true or"),
            (format!("{FILE}{keys}secret = \"x\"\n"), "identity.jwt.secret: a key or token must"),
        ] {
            let error = checked(&text).unwrap_err();
            assert!(error.contains(expected), "{text}\n{error}");
        }
    }
}
