#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    mote_fuzz::wisdm_v1(bytes);
});
