//! The gate, the house rules and replay.
//!
//! Nothing here is part of the product, and nothing here has a dependency: the gate must build in
//! seconds, also when the rest does not build at all.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

mod gate;
mod replay;
mod tidy;

const USAGE: &str = "\
cargo xtask ci                     the quick gate: format, lints, house rules, every test
cargo xtask ci --slow              that, then the long tests in release
cargo xtask ci --without-tests     the checks only, for a caller that runs `cargo test` itself
cargo xtask fix                    writes what formatter and linter can repair by themselves
cargo xtask tidy                   the house rules only
cargo xtask replay SCENARIO SEED   runs one seed of a simulated campaign, with its story
";

/// Done.
const OK: u8 = 0;
/// A check failed.
const FAILED: u8 = 1;
/// Not a command.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    let root = root();
    let passed = match *typed.as_slice() {
        ["ci"] => gate::run(&root, &gate::quick()),
        ["ci", "--slow"] => gate::run(&root, &gate::slow()),
        ["ci", "--without-tests"] => gate::run(&root, &gate::checks()),
        ["fix"] => gate::run(&root, &gate::repairs()),
        ["tidy"] => tidy::run(&root),
        ["replay", scenario, seed] => replay::run(&root, scenario, seed),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            true
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(MISUSED);
        }
    };
    ExitCode::from(if passed { OK } else { FAILED })
}

/// The workspace, wherever the command was typed.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}
