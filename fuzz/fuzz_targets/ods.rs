#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| memberbase::fuzz::run("ods", bytes));
