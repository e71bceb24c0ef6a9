//! Changes of the file apply completely and in order.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::gateway::hangup::{hang_up, until};
use crate::written::Written;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    (directory, path)
}

fn gateway(id: &str) -> String {
    format!("[gateways.{id}]\n")
}

fn has(settings: &Settings, id: &str) -> bool {
    settings.current().get(None, id).is_some()
}

async fn started(path: &Path) -> Settings {
    // Other tests send SIGHUP.
    let never = Hangups::never().unwrap();
    start_with(path, Changes::of(path), never).await
}

async fn start_with(path: &Path, changes: Changes, hangups: Hangups) -> Settings {
    let text = files::read(path).await.ok();
    let followed = followed(path).await;
    let settings = followed.settings.clone();
    tokio::spawn(followed.follow(text, changes, hangups));
    settings
}

async fn followed(path: &Path) -> Followed {
    Followed::start(path, Vec::new(), None).await.unwrap()
}

/// The log of `run`, on this thread.
async fn logged(run: impl Future<Output = ()>) -> String {
    use tracing::instrument::WithSubscriber as _;
    crate::every_thread::may_log();
    let text = Written::default();
    let writer = text.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    run.with_subscriber(subscriber).await;
    text.all()
}

#[tokio::test]
async fn a_file_that_is_written_or_replaced_is_read_again() {
    let (directory, path) = directory();
    fs::write(&path, gateway("a")).unwrap();
    let settings = started(&path).await;
    assert!(has(&settings, "a"));
    fs::write(&path, gateway("b")).unwrap();
    until(|| has(&settings, "b")).await;
    assert!(!has(&settings, "a"));
    let new = directory.path().join(".gateway.toml.swp");
    fs::write(&new, gateway("c")).unwrap();
    fs::rename(&new, &path).unwrap();
    until(|| has(&settings, "c")).await;
}

#[tokio::test]
async fn a_changed_symbolic_link_is_followed() {
    let (directory, path) = directory();
    let of = |name: &str| directory.path().join(name);
    for id in ["a", "b"] {
        fs::create_dir(of(id)).unwrap();
        fs::write(of(id).join("gateway.toml"), gateway(id)).unwrap();
    }
    symlink("a", of("..data")).unwrap();
    symlink("..data/gateway.toml", &path).unwrap();
    let settings = started(&path).await;
    assert!(has(&settings, "a"));
    symlink("b", of("..new")).unwrap();
    fs::rename(of("..new"), of("..data")).unwrap();
    until(|| has(&settings, "b")).await;
}

#[tokio::test]
async fn an_invalid_file_leaves_the_old_settings_until_it_is_valid() {
    let (_directory, path) = directory();
    fs::write(&path, gateway("a")).unwrap();
    let followed = followed(&path).await;
    let before = followed.settings.current();
    fs::write(&path, gateway("b") + "nonsense = 1").unwrap();
    let log = logged(followed.renew(false)).await;
    assert!(log.contains("ERROR") && log.contains("everything stays as it was"), "{log}");
    assert!(log.contains("gateway.toml, line 2, gateways.b.nonsense: "), "{log}");
    fs::remove_file(&path).unwrap();
    let log = logged(followed.renew(false)).await;
    assert!(log.contains("gateway.toml: it cannot be read"), "{log}");
    assert!(Arc::ptr_eq(&before, &followed.settings.current()));
    fs::write(&path, gateway("b")).unwrap();
    let log = logged(followed.renew(false)).await;
    assert!(log.contains("1 gateway, 18 providers") && !log.contains("WARN"), "{log}");
    assert!(has(&followed.settings, "b"));
}

#[tokio::test]
async fn providers_of_the_command_line_override_the_file_at_every_reload() {
    let (_directory, path) = directory();
    let text = |port| format!("[providers.local]\nbase_url = \"http://127.0.0.1:{port}\"\n");
    fs::write(&path, text(1)).unwrap();
    let moved = vec![ProviderOption { slug: "grok".into(), base_url: "http://127.0.0.1:9".into() }];
    let followed = Followed::start(&path, moved, None).await.unwrap();
    let providers = || format!("{:?}", followed.settings.current());
    let holds = |port| {
        let said = providers();
        assert!(said.contains(&format!("custom-local at http://127.0.0.1:{port})")), "{said}");
        assert!(said.contains("grok at http://127.0.0.1:9)"), "{said}");
    };
    holds(1);
    fs::write(&path, text(2)).unwrap();
    let log = logged(followed.renew(false)).await;
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    holds(2);
    fs::write(&path, "[providers.local]\nbase_url = \"nonsense\"\n").unwrap();
    assert!(logged(followed.renew(false)).await.contains("everything stays as it was"));
    holds(2);
}

#[tokio::test]
async fn a_mistake_in_the_prices_or_the_settings_leaves_both_unchanged() {
    let (directory, path) = directory();
    let prices = directory.path().join("prices.toml");
    let priced = |day| {
        format!(
            "as_of = 2026-01-0{day}\n[models.\"m\"]\ninput = 1.00\ncached_input = 1.00\noutput = 1.00\n"
        )
    };
    fs::write(&path, gateway("a")).unwrap();
    fs::write(&prices, priced(1)).unwrap();
    let file = PricesFile::read_from(&prices).await.unwrap();
    let in_force = file.prices();
    let followed = Followed::start(&path, Vec::new(), Some(file)).await.unwrap();
    let day = || in_force.current().as_of().day;
    fs::write(&path, gateway("b")).unwrap();
    fs::write(&prices, "nonsense").unwrap();
    assert!(logged(followed.renew(true)).await.contains("prices.toml"));
    assert!(has(&followed.settings, "a") && day() == 1);
    fs::write(&path, "nonsense").unwrap();
    fs::write(&prices, priced(2)).unwrap();
    assert!(logged(followed.renew(true)).await.contains("gateway.toml"));
    assert!(has(&followed.settings, "a") && day() == 1);
    fs::write(&path, gateway("b")).unwrap();
    let log = logged(followed.renew(true)).await;
    assert!(!log.contains("ERROR"), "{log}");
    assert!(has(&followed.settings, "b") && day() == 2);
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
#[tokio::test]
async fn other_client_certificates_need_a_restart_and_the_rest_applies() {
    let (directory, path) = directory();
    let pem = |name: &str| {
        let one = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        let text = one.cert.pem() + &one.signing_key.serialize_pem();
        fs::write(directory.path().join(name), text).unwrap();
    };
    pem("a.pem");
    let provider = |more: &str| {
        format!("[providers.grok]\nclient_certificate = {{ file = \"a.pem\" }}\n{more}\n")
    };
    let restart = "client certificates are read at the start alone; restart for them";
    fs::write(&path, gateway("a") + &provider("")).unwrap();
    let followed = followed(&path).await;
    let renewed = async |id: &str, text: &str| {
        fs::write(&path, gateway(id) + text).unwrap();
        let log = logged(followed.renew(false)).await;
        assert!(has(&followed.settings, id) && !log.contains("ERROR"), "{log}");
        assert!(!log.contains("BEGIN"), "{log}");
        log.contains("WARN") && log.contains(restart)
    };
    assert!(!renewed("b", &provider("weight = 2")).await);
    assert!(renewed("c", "").await);
    let further = "further_base_urls = [{ base_url = \"https://eu.example.com\" }]";
    assert!(renewed("d", &provider(further)).await);
    assert!(!renewed("e", &provider("")).await);
    pem("a.pem");
    assert!(renewed("f", &provider("")).await);
}

#[tokio::test]
async fn a_hangup_reads_the_file_again() {
    let (_directory, path) = directory();
    fs::write(&path, gateway("a")).unwrap();
    let hangups = Hangups::listen().unwrap();
    let settings = start_with(&path, Changes::none(), hangups).await;
    fs::write(&path, gateway("b")).unwrap();
    hang_up().await;
    until(|| has(&settings, "b")).await;
    // The same text may refer to other keys, which are stored elsewhere.
    let before = settings.current();
    hang_up().await;
    until(|| !Arc::ptr_eq(&before, &settings.current())).await;
}

#[cfg(all(feature = "control", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
#[tokio::test]
async fn a_connect_timeout_longer_than_the_default_applies() {
    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;
    use tokio::time::{Instant, pause};
    use tower::{Layer as _, ServiceExt as _};
    use tower_ai_gateway::control::ReplayBody;

    let (_directory, path) = directory();
    let text = |ms: u64| gateway("a") + &format!("timeouts = {{ connect_ms = {ms} }}\n");
    fs::write(&path, text(30_000)).unwrap();
    let followed = followed(&path).await;
    // It accepts connections, and never answers in TLS.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let client: HttpClient<ReplayBody<Full<Bytes>>> = followed.client().build().unwrap();
    let service = followed.control.layer(client);
    let waits = async |timeouts: Timeouts| {
        let request = Request::get(&url).extension(timeouts).body(Full::default()).unwrap();
        let start = Instant::now();
        service.clone().oneshot(request).await.unwrap_err();
        start.elapsed().as_secs()
    };
    let (usual, own) = (Timeouts::default(), Timeouts::default().connect(Duration::from_secs(30)));
    pause();
    assert_eq!([waits(own).await, waits(usual).await], [30, 10]);
    tokio::time::resume();
    fs::write(&path, text(31_000)).unwrap();
    let log = logged(followed.renew(false)).await;
    assert!(log.contains("WARN") && log.contains("restart for longer ones"), "{log}");
}
