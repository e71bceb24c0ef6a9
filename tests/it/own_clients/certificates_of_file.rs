//! Client certificates from a settings file, each only for its own provider.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tower_ai_gateway::config::Config;

use crate::own_clients::certificates::{client, server, shown};
use crate::support::authority::Authority;
use crate::support::message::request;
use crate::support::program::{Program, binary};
use crate::support::wire::Wire;

const FILE: &str = "gateway.toml";

/// A folder with the authority, a certificate and a settings file.
fn folder(authority: &Authority, settings: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("authority.pem", &authority.pem());
    write("first.pem", &authority.identity("first"));
    write(FILE, settings);
    folder
}

fn check(folder: &Path) -> Output {
    Command::new(binary()).args(["--check", "--config"]).arg(folder.join(FILE)).output().unwrap()
}

#[tokio::test]
async fn a_client_of_the_file_shows_each_certificate_to_its_own_provider() {
    let authority = Authority::new();
    let (first, further) = (server(&authority, true).await, server(&authority, true).await);
    let second = server(&authority, false).await;
    let settings = format!(
        "[providers.first]\nbase_url = \"{first}\"\n\
         further_base_urls = [{{ base_url = \"{further}\" }}]\n\
         client_certificate = {{ file = \"first.pem\" }}\n\
         [providers.second]\nbase_url = \"{second}\"\n"
    );
    let folder = folder(&authority, &settings);
    let config = Config::from_file(folder.path().join(FILE)).unwrap();
    let certificates = config.client_certificates(&config.providers()).unwrap();
    let client = client(&authority, |client| client.client_certificates(&certificates));
    assert_eq!(shown(&client, &first).await.unwrap(), "first");
    assert_eq!(shown(&client, &further).await.unwrap(), "first");
    assert_eq!(shown(&client, &second).await.unwrap(), "");
}

#[tokio::test]
async fn the_program_shows_each_certificate_to_its_own_provider() {
    let authority = Authority::new();
    let (first, second) = (server(&authority, true).await, server(&authority, false).await);
    let settings = format!(
        "unknown_gateways = \"serve\"\n\
         [providers.first]\nbase_url = \"{first}\"\n\
         client_certificate = {{ file = \"first.pem\" }}\n\
         [providers.second]\nbase_url = \"{second}\"\n"
    );
    let folder = folder(&authority, &settings);
    let file = folder.path().join(FILE);
    let program = Program::start_with(&["--config", file.to_str().unwrap()], |command| {
        command.env("RUST_LOG", "error");
        command.env("SSL_CERT_FILE", folder.path().join("authority.pem"));
    });
    for (provider, expected) in [("first", true), ("second", false)] {
        let mut wire = Wire::connect(program.addr).await;
        let target = format!("POST /v1/acct/gw/{provider}/v1/x");
        wire.send(request(&target, &[], b"{}")).await;
        let answer = wire.read_message().await;
        assert_eq!(answer.status(), 200, "{provider}: {}", answer.text());
        let is_shown = answer.body().windows(5).any(|part| part == b"first");
        assert_eq!((is_shown, answer.body().is_empty()), (expected, !expected), "{provider}");
    }
}

#[test]
fn a_check_finds_an_invalid_certificate() {
    let authority = Authority::new();
    let with =
        |name: &str| format!("[providers.grok]\nclient_certificate = {{ file = \"{name}\" }}\n");
    let folder = folder(&authority, &with("first.pem"));
    let output = check(folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, what) in [
        ("missing.pem", "is not there or cannot be read"),
        ("authority.pem", "holds no private key in PEM, or an encrypted one"),
        (FILE, "holds no well-formed certificate in PEM"),
    ] {
        fs::write(folder.path().join(FILE), with(name)).unwrap();
        let output = check(folder.path());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let place =
            "gateway.toml, line 2, providers.grok.client_certificate.file: the file that it names";
        assert!(said.contains(&format!("{place} {what}")), "{said}");
        assert!(!output.status.success() && !said.contains("BEGIN"), "{said}");
    }
}
