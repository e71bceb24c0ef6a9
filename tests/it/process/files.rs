//! Settings files that the gateway watches, and their replacements.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::scene::{Log, PATIENCE, get, stops};
use crate::support::polling::wait_for;
use crate::support::program::{Program, binary};

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn followed(option: &str, path: &Path) -> (Program, Log) {
    let arguments = [option, path.to_str().unwrap()];
    let mut program = Program::start_with(&arguments, |command| {
        command.stderr(Stdio::piped());
    });
    let log = Log::of(program.stderr().unwrap());
    (program, log)
}

/// Returns true if a gateway with this id exists.
fn knows(addr: SocketAddr, id: &str) -> bool {
    let answer = get(addr, &format!("/v1/acct/{id}/nosuch/x"));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    // 2008: the provider is unknown; 2001: the gateway is.
    answer.contains("2008")
}

fn gateway(id: &str) -> String {
    format!("[gateways.{id}]\n")
}

fn prices(day: u8) -> String {
    format!(
        "as_of = 2026-01-{day:02}\n[models.\"house\"]\ninput = 1.00\ncached_input = 1.00\noutput = 2.00\n"
    )
}

#[test]
fn the_configuration_is_reloaded_after_a_fifo_and_a_directory_at_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    fs::write(&path, gateway("a")).unwrap();
    let (program, log) = followed("--config", &path);
    assert!(knows(program.addr, "a"));

    fs::remove_file(&path).unwrap();
    fifo(&path);
    wait_for("the FIFO is refused", || log.count("settings not reloaded: nothing has changed") > 0);
    program.signal("HUP");
    wait_for("it is refused again", || log.count("settings not reloaded: nothing has changed") > 1);
    assert!(knows(program.addr, "a"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, gateway("b")).unwrap();
    wait_for("the file is followed", || knows(program.addr, "b"));

    let reported = log.count("settings not reloaded: nothing has changed");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    wait_for("the directory is refused", || {
        log.count("settings not reloaded: nothing has changed") > reported
    });
    assert!(knows(program.addr, "b"));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, gateway("c")).unwrap();
    wait_for("the file is followed", || knows(program.addr, "c"));
    stops(program);
}

#[test]
fn a_fifo_in_place_of_a_key_does_not_end_reloading() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    let key = directory.path().join("key");
    fs::write(&path, gateway("a")).unwrap();
    let (program, log) = followed("--config", &path);
    fifo(&key);
    let with_key = "[gateways.b]\nauthenticated_elsewhere = true\n\
                    [[gateways.b.keys]]\nprovider = \"grok\"\nfile = \"key\"\n";
    fs::write(&path, with_key).unwrap();
    wait_for("the FIFO is refused", || {
        log.count("keys.grok.file: the file that it names does not exist or cannot be read") > 0
    });
    fs::write(&path, gateway("c")).unwrap();
    wait_for("the file is followed", || knows(program.addr, "c"));
    stops(program);
}

#[test]
fn the_configuration_is_reloaded_from_a_recreated_directory() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("etc");
    let path = place.join("gateway.toml");
    fs::create_dir(&place).unwrap();
    fs::write(&path, gateway("a")).unwrap();
    let (program, _log) = followed("--config", &path);
    for id in ["b", "c"] {
        fs::remove_dir_all(&place).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(&path, gateway(id)).unwrap();
        wait_for("the new file is followed", || knows(program.addr, id));
        // The new directory is also watched.
        let next = format!("{id}2");
        fs::write(&path, gateway(&next)).unwrap();
        wait_for("it is followed further", || knows(program.addr, &next));
    }
    stops(program);
}

#[test]
fn the_prices_are_reloaded_after_a_fifo_and_a_directory_at_their_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.toml");
    fs::write(&path, prices(5)).unwrap();
    let (program, log) = followed("--prices", &path);

    let refused = |times: usize| {
        program.signal("HUP");
        wait_for("it is refused", || {
            log.count("prices not reloaded: nothing has changed") == times
        });
    };
    fs::remove_file(&path).unwrap();
    fifo(&path);
    refused(1);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(2);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, prices(6)).unwrap();
    program.signal("HUP");
    wait_for("the prices are read", || log.count("\"as_of\":\"2026-01-06\"") == 1);
    stops(program);
}

#[test]
fn a_fifo_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    fifo(&path);
    let path = path.to_str().unwrap();
    for arguments in [&["--config", path][..], &["--prices", path], &["--check", "--config", path]]
    {
        let mut child = Command::new(binary()).args(arguments).spawn().unwrap();
        let mut code = None;
        let begun = Instant::now();
        while code.is_none() && begun.elapsed() < PATIENCE {
            code = child.try_wait().unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        // The process may be blocked.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(code.expect("it does not wait").code(), Some(1), "{arguments:?}");
    }
}
