//! Control headers that the example allows, by its command line and its file.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Output};

use crate::process::scene::{CHAT, connect};
use crate::support::polling::wait_for;
use crate::support::program::{Program, binary};

/// The head of the answer to a chat with `cf-aig-custom-cost`.
fn ask(addr: SocketAddr) -> String {
    let length = CHAT.len();
    let mut stream = connect(addr);
    write!(
        stream,
        "POST /v1/acct/team/grok/v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n\
         authorization: Bearer test-key\r\ncontent-type: application/json\r\n\
         cf-aig-custom-cost: {{\"total_cost\":0}}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{CHAT}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_lowercase()
}

const WARNING: &str = "cf-aig-warning: locked, passed over: cf-aig-custom-cost";

#[test]
fn costs_are_locked_unless_the_command_line_allows_them() {
    let head = ask(Program::start(&["--mock"]).addr);
    assert!(head.starts_with("http/1.1 200") && head.contains(WARNING), "{head}");
    let head = ask(Program::start(&["--mock", "--client-controls", "all"]).addr);
    assert!(head.starts_with("http/1.1 200") && !head.contains("cf-aig-warning"), "{head}");
}

#[test]
fn the_locks_of_the_file_are_reloaded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    let gateway = |settings: &str| {
        // Atomically: half a file would have fewer locks.
        let next = directory.path().join("next.toml");
        fs::write(&next, format!("[gateways.team]\n{settings}\n")).unwrap();
        fs::rename(next, &path).unwrap();
    };
    gateway("");
    let program = Program::start(&["--mock", "--config", path.to_str().unwrap()]);
    assert!(ask(program.addr).contains(WARNING));
    gateway("client_controls = [\"custom_cost\"]");
    wait_for("it is allowed", || !ask(program.addr).contains("cf-aig-warning"));
    gateway("locked_headers = \"refuse\"");
    wait_for("it is refused", || ask(program.addr).starts_with("http/1.1 403"));
    gateway("client_controls = [\"everything\"]");
    program.signal("HUP");
    assert!(ask(program.addr).starts_with("http/1.1 403"), "a mistake changes nothing");
    gateway("client_controls = []");
    wait_for("it is passed over", || ask(program.addr).contains(WARNING));
}

#[test]
fn a_check_locates_an_invalid_lock() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    let check = |settings: &str| -> Output {
        fs::write(&path, format!("[gateways.team]\n{settings}\n")).unwrap();
        Command::new(binary()).args(["--check", "--config"]).arg(&path).output().unwrap()
    };
    let good = "client_controls = [\"cache\", \"collect_log\"]\nlocked_headers = \"refuse\"\n\
                metadata = { tenant = \"red\" }\nreserved_metadata = [\"plan\"]\n\
                client_credentials = \"ignore\"";
    assert!(check(good).status.success());
    for (wrong, place) in [
        ("client_controls = [\"cache\", \"zdr\"]", "line 2, gateways.team.client_controls[1]: "),
        ("\nlocked_headers = \"drop\"", "line 3, gateways.team.locked_headers: "),
        ("metadata = { \"cf.a\" = 1 }", "line 2, gateways.team.metadata.cf.a: "),
        ("reserved_metadata = [\"\"]", "line 2, gateways.team.reserved_metadata[0]: "),
        ("client_credentials = \"drop\"", "line 2, gateways.team.client_credentials: "),
    ] {
        let output = check(wrong);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(place), "{said}");
        assert!(said.contains("gateway.toml"), "{said}");
    }
}

#[test]
fn a_check_warns_of_doubtful_settings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    fs::write(&path, "[gateways.team]\nauthenticated_elsewhere = true\nkeys = [{ provider = \"grok\", env = \"KEY\" }]\n").unwrap();
    let mut check = Command::new(binary());
    check.env("KEY", "sk-LEAK-key").args(["--check", "--config"]).arg(&path);
    let output = check.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("client_credentials"), "{said}");
    assert!(!said.contains("sk-LEAK"), "{said}");
}
