#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_ai_gateway::internals::frames_meter(data));
