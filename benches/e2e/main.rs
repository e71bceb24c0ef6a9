//! Compares whole processes: the example gateway, a bare hyper proxy, nginx and another crate.
//!
//! `benches/e2e/run.sh` builds everything and runs this; `docs/performance.md` describes the
//! comparison. All processes except the leading one are this program with a role as its first
//! argument, or one of the given programs.
#![allow(missing_docs)]

mod app;
mod around;
mod bare;
mod compare;
mod ends;
mod fields;
mod load;
mod loads;
mod machine;
mod nginx;
mod numbers;
mod options;
mod own_route;
mod page;
mod plot;
mod process;
mod records;
mod scale;
mod serve;
mod stats;
mod table;
mod targets;
mod tls;
mod upstream;

use std::process::ExitCode;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (role, args) = match args.split_first() {
        Some((role, args)) => (role.as_str(), args),
        None => ("", Default::default()),
    };
    let done = match role {
        "compare" => compare::main(args),
        "scale" => scale::main(args),
        "ends" => ends::main(args),
        "hold" => scale::hold::main(args),
        "upstream" => upstream::main(args),
        "bare" => bare::main(args),
        "around" => around::main(args),
        "app" => app::alone(args),
        "app-in-gateway" => app::in_gateway(args),
        "app-with-layer" => app::with_layer(args),
        _ => {
            println!("e2e: not measured here, for it needs other programs: benches/e2e/run.sh");
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {role}: {error}");
            ExitCode::FAILURE
        }
    }
}
