//! The configuration of nginx: one worker, persistent upstream connections, no access log, and
//! requests buffered like by default, but in memory.
//!
//! Without buffering, some uploads of 1 MiB over h2c ended with 502; the reason was not
//! investigated.

use crate::loads::{Load, Protocol};

pub(crate) fn config(load: &Load, port: u16, upstream: u16) -> String {
    // This version supports HTTP/2 without TLS only on a separate port.
    let http2 = if load.protocol == Protocol::H2c { " http2" } else { "" };
    let buffering = if load.exchange.events().is_some() { "off" } else { "on" };
    let scheme = load.upstream.scheme();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_max_body_size 16m;
    client_body_buffer_size 2m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port}{http2} backlog=4096;
        location / {{
            proxy_pass {scheme}://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering {buffering};
        }}
    }}
}}
"
    )
}
