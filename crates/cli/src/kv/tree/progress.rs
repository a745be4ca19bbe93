use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two lines of progress.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// How far an import or export is, shown to a person who waits at a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    shown: Option<Mutex<Instant>>,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// On standard error, if that is a terminal.
    pub(super) fn on_terminal() -> Self {
        let progress = Self::hidden();
        Self {
            shown: io::stderr()
                .is_terminal()
                .then(|| Mutex::new(progress.started)),
            ..progress
        }
    }

    pub(super) fn hidden() -> Self {
        Self {
            started: Instant::now(),
            shown: None,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Whoever finds another showing leaves it to him.
        let Some(Ok(mut shown)) = self.shown.as_ref().map(Mutex::try_lock) else {
            return;
        };
        if shown.elapsed() >= SHOW_EVERY {
            *shown = Instant::now();
            self.show("\r");
        }
    }

    pub(super) fn end(&self) {
        if self.shown.is_some() {
            self.show("\r");
            // Nobody may be listening.
            let _ = io::stderr().write_all(b"\n");
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn show(&self, begin: &str) {
        let files = self.files.load(Ordering::Relaxed);
        let megabytes = self.bytes.load(Ordering::Relaxed) as f64 / 1e6;
        let rate = megabytes / self.seconds().max(0.001);
        let text = format!("{begin}{files} files, {megabytes:.1} MB, {rate:.1} MB/s   ");
        // Nobody may be listening.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
