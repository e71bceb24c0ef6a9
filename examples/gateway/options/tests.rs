//! Parsing of command lines, and the messages about mistakes.

use super::*;

fn run(args: &[&str]) -> Options {
    match Options::parse(args) {
        Ok(Command::Run(options)) => *options,
        other => panic!("{other:?}"),
    }
}

fn refused(args: &[&str]) -> String {
    Options::parse(args).unwrap_err().to_string()
}

#[test]
fn no_arguments_give_the_defaults() {
    let options = run(&[]);
    assert_eq!(options.listen.to_string(), "127.0.0.1:8787");
    assert!(options.providers.is_empty() && !options.mock && !options.ask_for_usage);
    assert!(options.log.is_none() && options.log_db.is_none());
    assert!(options.log_keep.is_none() && options.prices.is_none());
    assert!(options.config.is_none());
    assert_eq!(options.admin, Admin::Usual);
}

#[test]
fn the_pages_have_their_own_address_or_none() {
    let address = "127.0.0.1:0".parse().unwrap();
    assert_eq!(run(&["--admin", "127.0.0.1:0"]).admin, Admin::At(address));
    for word in ["none", "off"] {
        assert_eq!(run(&["--admin", word]).admin, Admin::Off);
    }
    let form = "`--admin` needs an IP address and port, such as 127.0.0.1:8788, or none, not `x`";
    assert_eq!(refused(&["--admin=x"]), form);
}

#[cfg(feature = "config")]
#[test]
fn the_settings_are_a_file_that_can_be_checked() {
    let file = PathBuf::from("a b.toml");
    assert_eq!(run(&["--config", "a b.toml", "--mock"]).config, Some(file.clone()));
    let check = Ok(Command::Check(file));
    assert_eq!(Options::parse(["--check", "--config=a b.toml"]), check);
    assert_eq!(Options::parse(["--config", "a b.toml", "--check"]), check);
    let form = "`--config` needs a value: a file, such as gateway.toml";
    assert_eq!(refused(&["--config", "--check"]), form);
}

#[cfg(not(feature = "config"))]
#[test]
fn settings_are_refused_without_their_feature() {
    assert_eq!(
        refused(&["--config", "gateway.toml"]),
        "`--config` needs the feature `config`, and this program was built without it"
    );
}

#[test]
fn controls_are_accepted_only_without_a_file() {
    assert_eq!(run(&[]).client_controls, None);
    let all = run(&["--client-controls", "all"]).client_controls;
    assert_eq!(all, Some(ClientControl::ALL.to_vec()));
    let two = run(&["--client-controls=cache, custom_cost"]).client_controls;
    assert_eq!(two, Some(vec![ClientControl::Cache, ClientControl::CustomCost]));
    let form = refused(&["--client-controls", "cache,cost"]);
    assert!(form.contains("names separated by commas") && form.contains("`cache,cost`"), "{form}");
    if cfg!(feature = "config") {
        let both = refused(&["--config", "a.toml", "--client-controls", "all"]);
        assert!(both.contains("combined with `--config`"), "{both}");
    }
}

#[test]
fn only_a_file_of_settings_can_be_checked() {
    assert_eq!(refused(&["--check"]), "`--check` needs `--config`");
    assert_eq!(refused(&["--check=yes"]), "`--check` takes no value");
}

#[test]
fn both_forms_of_a_value_are_read() {
    for args in [&["--listen", "[::1]:9000"][..], &["--listen=[::1]:9000"]] {
        assert_eq!(run(args).listen.to_string(), "[::1]:9000");
    }
    let options = run(&[
        "--mock",
        "--provider",
        "local=http://127.0.0.1:11434/v1",
        "--provider=grok=https://us.api.x.ai/v1?a=b",
    ]);
    assert!(options.mock);
    let pairs: Vec<_> =
        options.providers.iter().map(|p| (p.slug.as_str(), p.base_url.as_str())).collect();
    assert_eq!(
        pairs,
        [("local", "http://127.0.0.1:11434/v1"), ("grok", "https://us.api.x.ai/v1?a=b"),]
    );
}

#[cfg(feature = "log-sqlite")]
#[test]
fn the_log_is_a_file() {
    assert_eq!(run(&["--log-db", "a b.db"]).log_db, Some(PathBuf::from("a b.db")));
    assert_eq!(
        refused(&["--log-db", "--mock"]),
        "`--log-db` needs a value: a file, such as gateway.db"
    );
}

#[cfg(feature = "log-sqlite")]
#[test]
fn the_retention_of_the_log_is_in_days() {
    assert_eq!(run(&["--log-db", "a.db", "--log-keep", "30"]).log_keep, Some(30));
    assert_eq!(run(&["--log-keep=1", "--log-db=a.db"]).log_keep, Some(1));
    for wrong in ["0", "-1", "1.5", "a month"] {
        assert_eq!(
            refused(&["--log-db", "a.db", "--log-keep", wrong]),
            format!("`--log-keep` needs a number of days, such as 30, not `{wrong}`")
        );
    }
}

#[test]
fn a_retention_needs_a_log() {
    assert_eq!(refused(&["--log-keep", "30"]), "`--log-keep` needs `--log-db`");
}

#[test]
#[cfg(feature = "prices")]
fn the_prices_are_a_file() {
    assert_eq!(run(&["--prices", "a b.toml"]).prices, Some(PathBuf::from("a b.toml")));
    assert_eq!(
        refused(&["--prices", "--mock"]),
        "`--prices` needs a value: a file, such as prices.toml"
    );
}

#[cfg(not(feature = "log-sqlite"))]
#[test]
fn a_log_database_is_refused_without_its_feature() {
    assert_eq!(
        refused(&["--log-db", "gateway.db"]),
        "`--log-db` needs the feature `log-sqlite`, and this program was built without it"
    );
}

#[test]
fn help_overrides_the_options_before_it() {
    assert_eq!(Options::parse(["--mock", "-h"]), Ok(Command::Help));
    assert_eq!(Options::parse(["--help"]), Ok(Command::Help));
}

#[test]
fn a_mistake_names_the_option_and_its_form() {
    let form = "an IP address and port, such as 127.0.0.1:8787";
    assert_eq!(
        refused(&["--listen", "localhost"]),
        format!("`--listen` needs {form}, not `localhost`")
    );
    for args in [&["--listen"][..], &["--listen="], &["--listen", "--mock"]] {
        assert_eq!(refused(args), format!("`--listen` needs a value: {form}"), "{args:?}");
    }
    for wrong in ["local", "local=", "=http://a", "local=ftp://a", "local=http://"] {
        assert_eq!(
            refused(&["--provider", wrong]),
            format!(
                "`--provider` needs SLUG=BASE_URL, such as local=http://127.0.0.1:11434/v1, not `{wrong}`"
            )
        );
    }
    assert_eq!(refused(&["--mock=yes"]), "`--mock` takes no value");
    assert_eq!(refused(&["--ask-for-usage=no"]), "`--ask-for-usage` takes no value");
}

#[test]
fn usage_is_asked_for_on_request() {
    assert!(run(&["--ask-for-usage", "--mock"]).ask_for_usage);
}

#[test]
#[cfg(feature = "log")]
fn a_log_has_its_file() {
    assert_eq!(run(&["--log", "a b.jsonl"]).log, Some(PathBuf::from("a b.jsonl")));
    assert_eq!(run(&[]).log, None);
    assert!(refused(&["--log"]).starts_with("`--log` needs a value: a file"));
}

#[test]
#[cfg(not(feature = "log"))]
fn a_log_without_its_feature_is_refused() {
    assert_eq!(
        refused(&["--log", "a.jsonl"]),
        "`--log` needs the feature `log`, and this program was built without it"
    );
}

#[test]
fn an_unknown_option_is_named_without_its_value() {
    assert_eq!(refused(&["--key=test-key"]), "unknown option `--key`: `--help` lists all options");
    assert!(refused(&["serve"]).contains("`serve`"));
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let error = Options::parse([OsString::from_vec(b"--mock\xff".to_vec())]).unwrap_err();
    assert!(error.to_string().ends_with("is not valid UTF-8"));
}

#[test]
fn proxies_of_the_environment_are_used_on_request() {
    assert!(!run(&[]).proxy_from_env);
    if cfg!(feature = "proxy") {
        assert!(run(&["--proxy-from-env"]).proxy_from_env);
        assert_eq!(refused(&["--proxy-from-env=yes"]), "`--proxy-from-env` takes no value");
    } else {
        assert!(refused(&["--proxy-from-env"]).contains("needs the feature `proxy`"));
    }
}
