//! `[identity.jwt]`: whose tokens say who is calling.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use http::HeaderName;

use super::Config;
use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::section::{Named, Place, Section};
use super::value::{Value, milliseconds};
use crate::directives::form::Whole;
use crate::jwt::{Jwks, JwksError, JwtAlgorithm, JwtConfigError, JwtLayer, JwtVerifier};

const LEEWAY_MS: Whole =
    Whole { must_be: "milliseconds, a whole number from 0 to 3600000", fits: |ms| ms <= 3_600_000 };

/// The layer that the file asks for; `None` where it asks for none.
pub(super) fn read(root: &mut Section<'_>) -> Result<Option<JwtLayer>, ConfigFileError> {
    let Some(mut identity) = root.section("identity")? else { return Ok(None) };
    let layer = identity.section("jwt")?.map(jwt).transpose()?;
    identity.end()?;
    Ok(layer)
}

fn jwt(mut section: Section<'_>) -> Result<JwtLayer, ConfigFileError> {
    let place = section.place.clone();
    let issuer = section.text("issuer")?;
    let issuer = section.need("issuer", issuer)?;
    let audiences = some_texts(&mut section, "audience")?;
    let audiences = section.need("audience", audiences)?;
    let mut builder = JwtVerifier::builder(keys(&mut section)?).issuer(issuer.text);
    for audience in audiences {
        builder = builder.audience(audience.text);
    }
    if let Some(algorithms) = section.texts("algorithms")? {
        let algorithms: Result<Vec<_>, _> = algorithms.iter().map(algorithm).collect();
        builder = builder.algorithms(algorithms?);
    }
    if let Some(claims) = some_texts(&mut section, "subject")? {
        builder = builder.subject_claims(claims.into_iter().map(|claim| claim.text));
    }
    if let Some(claim) = section.text("groups")? {
        builder = builder.groups_claim(claim.text);
    }
    if let Some(groups) = section.texts("only_groups")? {
        builder = builder.only_groups(groups.into_iter().map(|group| group.text));
    }
    for (name, claim) in labels(&mut section, "labels")? {
        builder = builder.label(name, claim);
    }
    for (name, claim) in labels(&mut section, "metric_labels")? {
        builder = builder.metric_label(name, claim);
    }
    if let Some(leeway) = milliseconds(&mut section, "leeway_ms", &LEEWAY_MS)? {
        builder = builder.leeway(Duration::from_secs(leeway.as_secs()));
    }
    let headers = section.texts("headers")?;
    let is_required = section.flag("required")?.unwrap_or(true);
    section.end()?;
    let verifier = builder.build().map_err(|error| {
        let kind = match error {
            JwtConfigError::Labels(_) => Kind::Value,
            _ => Kind::Missing,
        };
        refuse(&place, kind, &error)
    })?;
    let mut layer = JwtLayer::new(verifier);
    if let Some(headers) = headers {
        let names: Result<Vec<_>, _> = headers.iter().map(header).collect();
        let names = names?;
        if names.is_empty() {
            return Err(place.refuse(Kind::Missing, "tokens need a header"));
        }
        layer = layer.headers(names);
    }
    Ok(if is_required { layer } else { layer.optional() })
}

/// Says what is wrong, and with what is behind it.
fn refuse(place: &Place<'_>, kind: Kind, error: &dyn Error) -> ConfigFileError {
    match error.source() {
        Some(source) => place.refuse(kind, format_args!("{error}: {source}")),
        None => place.refuse(kind, error),
    }
}

/// One text, or several.
fn some_texts<'s>(
    section: &mut Section<'s>,
    name: &str,
) -> Result<Option<Vec<Named<'s>>>, ConfigFileError> {
    match section.take(name) {
        None => Ok(None),
        Some(value) if value.is_text() => Ok(Some(vec![value.text()?])),
        Some(value) => {
            value.list()?.into_iter().map(Value::text).collect::<Result<_, _>>().map(Some)
        }
    }
}

fn keys(section: &mut Section<'_>) -> Result<Jwks, ConfigFileError> {
    let refused = |named: &Named<'_>, error: &JwksError| {
        let kind = match error {
            JwksError::File(_) => Kind::Unreadable,
            _ => Kind::Value,
        };
        refuse(&named.place, kind, error)
    };
    match (section.text("jwks_url")?, section.text("jwks_file")?) {
        (Some(_), Some(file)) => Err(file
            .place
            .refuse(Kind::Conflict, "it has one of `jwks_url` and `jwks_file`, not both")),
        (None, None) => Err(section.place.refuse(
            Kind::Missing,
            "it needs `jwks_url` or `jwks_file`, which has the issuer's keys",
        )),
        (Some(url), None) => fetched(&url.text).map_err(|error| refused(&url, &error)),
        (None, Some(file)) => {
            let directory = file.place.source.directory.unwrap_or(Path::new(""));
            Jwks::file(directory.join(&file.text)).map_err(|error| refused(&file, &error))
        }
    }
}

#[cfg(feature = "client")]
fn fetched(url: &str) -> Result<Jwks, JwksError> {
    Jwks::fetched(url)
}

/// There is nothing to fetch it with.
#[cfg(not(feature = "client"))]
fn fetched(_: &str) -> Result<Jwks, JwksError> {
    let error = "this program was built without the feature `client`, which fetches it";
    Err(JwksError::Client(Box::<dyn Error + Send + Sync>::from(error).into()))
}

fn algorithm(name: &Named<'_>) -> Result<JwtAlgorithm, ConfigFileError> {
    JwtAlgorithm::named(&name.text).ok_or_else(|| {
        let message = "it must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and \
                       EdDSA: tokens without a signature, or with a shared secret, prove nothing here";
        name.place.refuse(Kind::Value, message)
    })
}

fn labels(section: &mut Section<'_>, name: &str) -> Result<Vec<(String, String)>, ConfigFileError> {
    let Some(mut labels) = section.section(name)? else { return Ok(Vec::new()) };
    labels.rest().map(|(name, claim)| Ok((name, claim.text()?.text))).collect()
}

fn header(name: &Named<'_>) -> Result<HeaderName, ConfigFileError> {
    name.text.parse().map_err(|_| name.place.refuse(Kind::Value, "it must be the name of a header"))
}

impl Config {
    /// The layer that the file's `[identity.jwt]` asks for, to stand in front of the gateway. Where
    /// the file has none it lets every request pass.
    ///
    /// When the file has changed, [`update_jwt`](Self::update_jwt) it.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn jwt_layer(&self) -> JwtLayer {
        let layer = JwtLayer::off();
        self.update_jwt(&layer);
        layer
    }

    /// Whether the file has `[identity.jwt]`.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    #[must_use]
    pub fn checks_tokens(&self) -> bool {
        self.jwt.is_some()
    }

    /// Puts in force what the file's `[identity.jwt]` says, where `layer`, its clones and their
    /// services are in use: for requests that come from now on. Keys that were fetched from a URL
    /// stay, where it is still the same.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn update_jwt(&self, layer: &JwtLayer) {
        match &self.jwt {
            Some(own) => layer.replace_and_keep_keys(own),
            None => layer.replace(&JwtLayer::off()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn mistakes_are_told_with_their_line_and_key() {
        let keys = "jwks_file = \"jwks.json\"\n";
        for (text, expected) in [
            ("[identity.jwt]\n".to_owned(), "line 1, identity.jwt: it needs `issuer`"),
            ("[identity]\nnonsense = 1\n".to_owned(), "line 2, identity.nonsense: there is no"),
            ("identity = 1\n".to_owned(), "line 1, identity: it must be a table"),
            (FILE.to_owned(), "line 1, identity.jwt: it needs `jwks_url` or `jwks_file`"),
            (
                format!("{FILE}{keys}jwks_url = \"https://a.example\"\n"),
                "line 4, identity.jwt.jwks_file: it has one of",
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
