//! Client certificates: which servers get which, and errors.

use std::path::Path;

use rcgen::KeyPair;
use tempfile::TempDir;

use super::*;

/// A certificate and its private key.
fn identity() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["client".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A folder with two client certificates.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.pem", "b.pem"] {
        let (certificate, key) = identity();
        std::fs::write(folder.path().join(name), certificate + &key).unwrap();
    }
    folder
}

fn of_file(folder: &Path, text: &str) -> Result<Config, ConfigFileError> {
    let path = folder.join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    Config::from_file(path)
}

/// The servers that get a certificate, and whether it is `a.pem`.
fn shown(folder: &TempDir, text: &str) -> Vec<(String, bool)> {
    let config = of_file(folder.path(), text).unwrap();
    let a = std::fs::read_to_string(folder.path().join("a.pem")).unwrap();
    let certificates = config.client_certificates(&config.providers()).unwrap();
    certificates.iter().map(|(server, pem)| (server, pem == a)).collect()
}

#[test]
fn every_server_of_a_provider_is_shown_its_own_and_no_other() {
    let folder = folder();
    assert_eq!(shown(&folder, "[providers.grok]\nweight = 2\n"), []);
    let text = "[providers.grok]\nclient_certificate = { file = \"a.pem\" }\n\
                further_base_urls = [{ base_url = \"https://EU.example.com:8443/v1\" }]\n\
                [providers.own]\nbase_url = \"https://own.example.com/v1\"\n\
                client_certificate = { file = \"b.pem\" }\n\
                [providers.plain]\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    let expected = [
        ("api.x.ai:443".to_owned(), true),
        ("eu.example.com:8443".to_owned(), true),
        ("own.example.com:443".to_owned(), false),
    ];
    assert_eq!(shown(&folder, text), expected);
}

#[test]
fn a_provider_that_the_host_moves_takes_its_certificate_along() {
    let folder = folder();
    let text = "[providers.grok]\nclient_certificate = { file = \"a.pem\" }\n";
    let config = of_file(folder.path(), text).unwrap();
    let at = |url: &str| {
        let moved = [Provider::xai().only_base_url(url)];
        let certificates = config.client_certificates(&moved).unwrap();
        certificates.iter().map(|(server, _)| server).collect::<Vec<_>>()
    };
    assert_eq!(at("https://other.example.com"), ["other.example.com:443"]);
    assert!(at("http://127.0.0.1:1").is_empty());
    let both = [Provider::xai(), Provider::custom("other", "https://api.x.ai/other")];
    let error = config.client_certificates(&both).unwrap_err();
    assert_eq!((error.kind(), error.line()), (Kind::Conflict, Some(2)));
}

#[test]
fn one_server_is_shown_one_certificate() {
    let folder = folder();
    let pair = |first: &str, second: &str| {
        let text = format!(
            "[providers.one]\nbase_url = \"https://a.example.com/one\"\n{first}\n\
             [providers.two]\nbase_url = \"https://A.example.com:443/two\"\n{second}\n"
        );
        of_file(folder.path(), &text)
    };
    let (a, b) =
        ("client_certificate = { file = \"a.pem\" }", "client_certificate = { file = \"b.pem\" }");
    pair(a, a).unwrap();
    pair("", "").unwrap();
    for (first, second, place) in [
        (a, b, "line 6, providers.two.client_certificate: "),
        (a, "", "line 3, providers.one.client_certificate: "),
        ("", b, "line 6, providers.two.client_certificate: "),
    ] {
        let error = pair(first, second).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        let said = error.to_string();
        assert!(said.contains(place) && said.contains("on the same server"), "{said}");
    }
}

#[test]
fn what_is_no_certificate_is_found_with_its_line_and_not_repeated() {
    let folder = folder();
    let ((certificate, key), (_, other_key)) = (identity(), identity());
    let broken = certificate.replacen("MII", "!!!", 1);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (name, text) in [
        ("empty.pem", String::new()),
        ("certificate.pem", certificate.clone()),
        ("key.pem", key.clone()),
        ("other.pem", certificate.clone() + &other_key),
        ("broken.pem", broken + &key),
        ("encrypted.pem", certificate.clone() + &encrypted),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let no_certificate = "holds no well-formed certificate in PEM";
    let no_key = "holds no private key in PEM, or an encrypted one";
    for (name, what) in [
        ("missing.pem", "does not exist or cannot be read"),
        ("empty.pem", no_certificate),
        ("key.pem", no_certificate),
        ("broken.pem", no_certificate),
        ("certificate.pem", no_key),
        ("encrypted.pem", no_key),
        ("other.pem", "holds a certificate and a private key that do not belong together"),
    ] {
        let text = format!("[providers.grok]\n\nclient_certificate = {{ file = \"{name}\" }}\n");
        let error = of_file(folder.path(), &text).unwrap_err();
        let place =
            "gateway.toml, line 3, providers.grok.client_certificate.file: the file that it names";
        let said = error.to_string();
        assert!(said.ends_with(&format!("{place} {what}")), "{said}");
        assert_eq!(error.kind(), Kind::Secret);
    }
}

#[test]
fn a_certificate_in_the_file_itself_is_refused_and_not_repeated() {
    let (certificate, key) = identity();
    let pem = certificate + &key;
    let of_key = key.lines().nth(1).unwrap();
    let folder = folder();
    for value in [
        format!("'''{pem}'''"),
        format!("{{ file = '''{pem}''' }}"),
        format!("{{ file = '''{of_key}\n{of_key}''' }}"),
        format!("{{ file = \"{}\" }}", key.trim().replace('\n', "")),
        format!("\"{of_key}\""),
    ] {
        let text = format!("[providers.grok]\nclient_certificate = {value}\n");
        let error = of_file(folder.path(), &text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert_eq!((error.kind(), error.line()), (Kind::PlainSecret, Some(2)), "{shown}");
        assert!(
            of_key
                .as_bytes()
                .windows(8)
                .all(|part| { !shown.contains(std::str::from_utf8(part).unwrap()) })
        );
    }
}

#[test]
fn a_certificate_is_in_no_debug_text() {
    let folder = folder();
    let text = "[providers.grok]\nclient_certificate = { file = \"a.pem\" }\n";
    let config = of_file(folder.path(), text).unwrap();
    let certificates = config.client_certificates(&config.providers()).unwrap();
    let shown = format!("{config:?} {certificates:?}");
    assert!(shown.contains("api.x.ai") && !shown.contains("BEGIN"), "{shown}");
}

#[test]
fn a_certificate_needs_a_file_and_https() {
    let folder = folder();
    for (text, said) in [
        ("client_certificate = {}", "line 3, providers.a.client_certificate: it needs `file`"),
        (
            "client_certificate = { env = \"HAS_A\", file = \"a.pem\" }",
            "line 3, providers.a.client_certificate.env: there is no setting of this name",
        ),
        (
            "client_certificate = { file = \"a.pem\" }\n\
             further_base_urls = [{ base_url = \"http://127.0.0.1:1\" }]",
            "line 3, providers.a.client_certificate: a client certificate needs https",
        ),
    ] {
        let text = format!("[providers.a]\nbase_url = \"https://a.example.com\"\n{text}\n");
        let error = of_file(folder.path(), &text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
