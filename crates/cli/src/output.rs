use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Prints a line on standard output. A reader that has gone away is not an error: the program ends
/// successfully.
pub(crate) fn line(text: impl AsRef<str>) {
    raw(format!("{}\n", text.as_ref()).as_bytes());
}

/// Prints bytes as they are.
pub(crate) fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints one JSON object on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))?;
    line(text);
    Ok(())
}

/// Says something to the person at the terminal, beside the output.
pub(crate) fn note(text: impl AsRef<str>) {
    // Nobody may be listening.
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}
