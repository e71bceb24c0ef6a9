//! Standard error that is full, closed, broken or unread.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::process::scene::{Log, dropped, refused, serves, stops};
use crate::support::polling::wait_for;
use crate::support::program::{Program, binary};

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn full_standard_error_does_not_stop_the_gateway() {
    let program = Program::start_with(&["--mock"], |command| {
        command.env("RUST_LOG", "debug").stderr(full());
    });
    serves(program.addr);
    refused(program.addr, 500);
    serves(program.addr);
    wait_for("the lines are counted", || dropped(program.admin.unwrap()) >= 500);
    stops(program);
}

#[test]
fn closed_standard_error_does_not_stop_the_gateway() {
    let program = Program::start_in_shell("exec $GATEWAY --mock 2>&-", |_| {});
    serves(program.addr);
    refused(program.addr, 500);
    serves(program.addr);
    stops(program);
}

#[test]
fn a_broken_pipe_does_not_stop_the_gateway() {
    let mut program = Program::start_with(&["--mock"], |command| {
        command.env("RUST_LOG", "debug").stderr(Stdio::piped());
    });
    drop(program.stderr());
    serves(program.addr);
    refused(program.addr, 500);
    serves(program.addr);
    wait_for("the lines are counted", || dropped(program.admin.unwrap()) >= 500);
    stops(program);
}

#[test]
fn an_unread_pipe_does_not_stop_the_gateway_and_losses_are_reported_later() {
    let mut program = Program::start_with(&["--mock"], |command| {
        command.env("RUST_LOG", "debug").stderr(Stdio::piped());
    });
    let stderr = program.stderr().unwrap();
    refused(program.addr, 12_000);
    serves(program.addr);
    let lost = dropped(program.admin.unwrap());
    assert!(lost > 1000, "{lost}");

    let log = Log::of(stderr);
    wait_for("the losses are reported", || log.count("log lines were dropped") > 0);
    let text = log.text();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is whole");
        if line["message"] == "log lines were dropped" {
            assert!(line["total"].as_u64().unwrap() >= lost, "{line}");
        }
    }
    serves(program.addr);
    stops(program);
}

#[test]
fn an_unread_pipe_does_not_delay_the_end() {
    let mut program = Program::start_with(&["--mock"], |command| {
        command.env("RUST_LOG", "debug").stderr(Stdio::piped());
    });
    let _unread = program.stderr();
    refused(program.addr, 5000);
    serves(program.addr);
    stops(program);
}

#[test]
fn every_exchange_has_its_line_at_the_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = Program::start_with(&["--mock"], |command| {
        command.env_remove("RUST_LOG").stderr(file.reopen().unwrap());
    });
    refused(program.addr, 500);
    serves(program.addr);
    stops(program);
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let lines = text.lines().filter(|line| line.contains("\"message\":\"exchange ended\""));
    assert!(lines.count() >= 501, "{text}");
}

#[test]
fn an_unread_start_error_is_an_exit_code() {
    let ended = |arguments: &[&str], variable: (&str, &str)| {
        let mut command = Command::new(binary());
        command.args(arguments).env(variable.0, variable.1).stdout(Stdio::null()).stderr(full());
        command.status().unwrap().code()
    };
    assert_eq!(ended(&["--nonsense"], ("RUST_LOG", "")), Some(2));
    assert_eq!(ended(&["--config", "/nosuch/file"], ("RUST_LOG", "not=a=filter")), Some(1));
}

#[test]
fn an_error_at_the_start_is_printed() {
    let mut command = Command::new(binary());
    let output = command.args(["--config", "/nosuch/file"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error: /nosuch/file: it cannot be read"), "{text}");
}
