//! The text of `--help`.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
An AI gateway in one process: point the base URL of a client at it.

Usage: gateway [OPTIONS]

Options:
  --listen ADDR             IP address and port to listen on [default: 127.0.0.1:8787]
  --admin ADDR              where /metrics and /dashboard are shown, an address of this machine alone
                            unless there is a GATEWAY_ADMIN_TOKEN; `none` for nowhere
                            [default: 127.0.0.1:8788]
  --config FILE             providers, and the settings of gateways: who may use them, with which
                            keys and models, and what bounds and fallbacks there are; read again
                            when it changes and at SIGHUP (feature `config`). All that can stand in
                            it: examples/gateway/gateway.toml
  --check                   only say what that file holds, or what is wrong with it
  --client-controls LIST    which cf-aig-* headers clients may use, where there is no --config: names
                            with commas between, as in that file, or `all`; without it, all but
                            custom_cost, collect_log and collect_log_payload
  --provider SLUG=BASE_URL  add a provider, or move a known one; may be repeated
  --proxy-from-env          reach providers by the proxies that HTTPS_PROXY, HTTP_PROXY and ALL_PROXY
                            name, unless NO_PROXY has the host (feature `proxy`)
  --ask-for-usage           let streams of chat completions tell their tokens and cost even where
                            the client did not ask; what is added for that is kept from the client
  --log FILE                write one JSON line for each exchange (feature `log`)
  --log-db FILE             log every exchange into an SQLite file, and show it at /dashboard of
                            --admin (feature `log-sqlite`)
  --log-keep DAYS           delete from that file what is older
  --prices FILE             what models cost, in place of the built-in table: TOML of one's own, or
                            the catalogue of LiteLLM or of genai-prices; read again at SIGHUP
                            (feature `prices`). All that can stand in it:
                            examples/gateway/prices.toml
  --mock                    let a built-in stand-in answer for xAI: no account, no network
  -h, --help                print this text

Environment:
  GATEWAY_ADMIN_TOKEN          who has it may see /metrics and /dashboard, on the address of --listen
                               too; without it they are shown at --admin alone, to this machine. It
                               has 8 characters or more, and is no placeholder
  GATEWAY_MAX_CONNECTIONS      how many there are at once; further ones wait [default: 8192]
  GATEWAY_WRITE_TIMEOUT        seconds after which a client is disconnected that takes no byte of
                               its answer [default: 60]
  OTEL_EXPORTER_OTLP_ENDPOINT  where to send spans, such as http://127.0.0.1:4318 (feature `otel`)
  RUST_LOG                     what is told on standard error [default: info]

With the feature `metrics` there is /metrics for Prometheus, at --admin. A build with all features:
  cargo run --release --example gateway --features full -- --log-db gateway.db

Try it:
  cargo run --release --example gateway -- --mock

  curl -N http://127.0.0.1:8787/v1/acct/gw/grok/v1/chat/completions \\
    -H 'authorization: Bearer test-key' \\
    -H 'content-type: application/json' \\
    -d '{\"model\":\"grok-4\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'
";
