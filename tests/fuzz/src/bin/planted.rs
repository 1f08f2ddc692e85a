//! No target, but the test of the test: its bug is behind five comparisons that chance does not pass, so only a run that
//! is guided by coverage, and whose failures are noticed, finds it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for (index, wanted) in b"K42 !".iter().enumerate() {
        if bytes.get(index) != Some(wanted) {
            return;
        }
    }
    panic!("the planted bug was reached");
});
