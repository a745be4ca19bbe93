//! One decoder under libFuzzer: the one that `MAFTIA_TARGET` names.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use maftia_decoders::{TARGETS, Target, find};

static TARGET: OnceLock<&Target> = OnceLock::new();

fuzz_target!(init: { TARGET.get_or_init(start); }, |bytes: &[u8]| {
    if let Some(target) = TARGET.get() {
        let _value = (target.run)(bytes);
    }
});

/// Finds the target and writes its seeds where the corpus begins.
fn start() -> &'static Target {
    let name = std::env::var("MAFTIA_TARGET").unwrap_or_default();
    let Some(target) = find(&name) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("set MAFTIA_TARGET to one of: {}", names.join(" "));
        std::process::exit(2);
    };
    if let Ok(corpus) = std::env::var("MAFTIA_CORPUS") {
        for (number, seed) in (target.seeds)().iter().enumerate() {
            let path = Path::new(&corpus).join(format!("seed-{number}"));
            std::fs::write(path, seed).expect("the corpus can be written");
        }
    }
    target
}
