#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_ai_gateway::internals::json_lines_meter(data));
