//! The operator's pages: where they are served and where not.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use crate::support::guard;
use crate::support::polling::eventually;
use crate::support::program::{Program, binary};
use crate::support::wire::Wire;

const PAGES: [&str; 4] = ["/metrics", "/dashboard", "/dashboard/app.js", "/dashboard/api/logs"];

/// Returns the status of the answer.
async fn get(address: SocketAddr, path: &str, headers: &[&str]) -> u16 {
    let mut wire = Wire::connect(address).await;
    let request = format!("GET {path} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
    wire.send_and_read(request.as_bytes()).await.status()
}

/// Has a log, so that all pages exist.
fn start(arguments: &[&str], token: Option<&str>) -> (Program, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.db");
    let arguments = [&["--mock", "--log-db", log.to_str().unwrap()], arguments].concat();
    let program = Program::start_with(&arguments, |command| {
        command.env("RUST_LOG", "error").env_remove("GATEWAY_ADMIN_TOKEN");
        if let Some(token) = token {
            command.env("GATEWAY_ADMIN_TOKEN", token);
        }
    });
    (program, folder)
}

/// A plain reverse proxy with nothing except `proxy_pass`.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// `None` if it is not installed.
    async fn start(upstream: SocketAddr) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log stderr error;
             events {{ worker_connections 64; }}
             http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy;
             fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{ listen {address}; location / {{ proxy_pass http://{upstream}; }} }} }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf"]).stdin(Stdio::null());
        let child = command.spawn().ok()?;
        let listens = async || tokio::net::TcpStream::connect(address).await.is_ok();
        eventually("nginx to listen", listens).await;
        Some(Self { child, address, _folder: folder })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_plain_reverse_proxy_exposes_no_admin_page() {
    let (program, _folder) = start(&[], None);
    for address in [Some(program.addr), program.admin] {
        assert!(address.unwrap().ip().is_loopback());
    }
    let proxy = Nginx::start(program.addr).await;
    for public in [Some(program.addr), proxy.as_ref().map(|proxy| proxy.address)] {
        let Some(public) = public else { continue };
        for host in ["127.0.0.1:8787", "localhost", "gateway.example"] {
            let host = format!("host: {host}");
            assert_eq!(get(public, "/healthz", &[&host]).await, 200);
            for path in PAGES {
                assert_eq!(get(public, path, &[&host]).await, 404, "{public} {path} {host}");
            }
        }
    }
}

#[tokio::test]
async fn the_admin_address_serves_the_pages_only_under_its_own_names() {
    let (program, _folder) = start(&[], None);
    let admin = program.admin.unwrap();
    for path in PAGES {
        assert_eq!(get(admin, path, &["host: localhost"]).await, 200, "{path}");
        assert_eq!(get(admin, path, &["host: rebound.example"]).await, 403, "{path}");
    }
    // The operator's port serves no gateway.
    assert_eq!(get(admin, "/v1/acct/gw/grok/v1/models", &["host: localhost"]).await, 404);
    assert!(program.stop().success());
}

#[tokio::test]
async fn with_a_token_both_addresses_serve_the_pages() {
    let (program, _folder) = start(&[], Some("test-admin-token"));
    let token = "authorization: Bearer test-admin-token";
    for address in [program.addr, program.admin.unwrap()] {
        for path in PAGES {
            assert_eq!(get(address, path, &["host: gateway.example", token]).await, 200);
            assert_eq!(get(address, path, &["host: localhost"]).await, 401);
        }
    }
}

#[tokio::test]
async fn the_pages_can_be_switched_off() {
    let (program, _folder) = start(&["--admin", "none"], None);
    assert_eq!(program.admin, None);
    assert_eq!(get(program.addr, "/metrics", &["host: localhost"]).await, 404);
}

#[tokio::test]
async fn a_public_or_used_admin_address_is_refused() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for (address, part) in [
        ("0.0.0.0:0", "set GATEWAY_ADMIN_TOKEN"),
        ("[::]:0", "set GATEWAY_ADMIN_TOKEN"),
        (&taken, "cannot listen on"),
    ] {
        let mut command = tokio::process::Command::new(binary());
        command.args(["--listen", "127.0.0.1:0", "--admin", address]);
        command.env_remove("GATEWAY_ADMIN_TOKEN").kill_on_drop(true);
        // If it is not refused, it would run forever.
        let output = guard("its end", command.output()).await.unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(part), "{address}: {said}");
    }
}
