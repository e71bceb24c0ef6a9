//! The text of `--help`.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
An AI gateway in one process: point the base URL of a client at it.

Usage: gateway [OPTIONS]

Options:
  --listen ADDR             IP address and port to listen on [default: 127.0.0.1:8787]
  --admin ADDR              IP address and port of /metrics and /dashboard, or `none`; must be of this
                            machine unless GATEWAY_ADMIN_TOKEN is set [default: 127.0.0.1:8788]
  --config FILE             providers and settings of gateways: who may use them, with which keys,
                            models, limits and fallbacks; reloaded when it changes and at SIGHUP
                            (feature `config`). All settings: examples/gateway/gateway.toml
  --check                   validate that file and exit
  --client-controls LIST    without --config, which cf-aig-* headers clients may use: names separated
                            by commas, as in that file, or `all` [default: all but custom_cost,
                            collect_log and collect_log_payload]
  --provider SLUG=BASE_URL  add a provider, or change the base URL of a built-in one; may be repeated
  --proxy-from-env          connect to providers through the proxies of HTTPS_PROXY, HTTP_PROXY and
                            ALL_PROXY, except hosts in NO_PROXY (feature `proxy`)
  --ask-for-usage           ask for usage in streamed chat completions; the extra chunk is hidden
                            from the client
  --log FILE                write one JSON line for each exchange (feature `log`)
  --log-db FILE             log every exchange in a SQLite file, shown at /dashboard of --admin
                            (feature `log-sqlite`)
  --log-keep DAYS           delete older records from that file
  --prices FILE             prices of models, instead of the built-in table: your own TOML, or the
                            catalogue of LiteLLM or of genai-prices; reloaded at SIGHUP (feature
                            `prices`). All settings: examples/gateway/prices.toml
  --mock                    answer for xAI from a built-in mock: no account, no network
  -h, --help                print this text

Environment:
  GATEWAY_ADMIN_TOKEN          token required for /metrics and /dashboard, which are then served at
                               --listen too: at least 8 characters, and not easy to guess
  GATEWAY_MAX_CONNECTIONS      maximum number of connections; others wait [default: 8192]
  GATEWAY_WRITE_TIMEOUT        seconds after which a client that reads nothing of its response is
                               disconnected [default: 60]
  OTEL_EXPORTER_OTLP_ENDPOINT  where to send spans, such as http://127.0.0.1:4318 (feature `otel`)
  RUST_LOG                     log level on standard error [default: info]

The feature `metrics` adds /metrics for Prometheus at --admin. To build with all features:
  cargo run --release --example gateway --features full -- --log-db gateway.db

Try it:
  cargo run --release --example gateway -- --mock

  curl -N http://127.0.0.1:8787/v1/acct/gw/grok/v1/chat/completions \\
    -H 'authorization: Bearer test-key' \\
    -H 'content-type: application/json' \\
    -d '{\"model\":\"grok-4\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'
";
