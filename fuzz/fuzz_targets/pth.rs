#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ebm_fuzz::pth(bytes));
