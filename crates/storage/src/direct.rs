//! Writing past the page cache.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::disk::widen;

/// What the memory of a direct write is aligned to: the largest block of the disks in use.
const ALIGNMENT: usize = 4096;

/// Longest direct write. Of longer ones the kernel's copy costs less than waiting for the disk at
/// once: measured, a log that takes 256 KiB at a time loses a tenth.
const BYTES_MAX: usize = 32 * 1024;

/// A second handle of a segment, for short writes past the page cache: the sync that follows then
/// has no pages to look for, which is a fifth of its time and a third of the processor's.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Direct {
    /// Of this file, if its file system has such writes.
    pub(crate) fn open(&mut self, path: &Path) {
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        let opened = File::options().write(true).custom_flags(flags).open(path);
        self.file = opened.ok();
    }

    /// The handle, and the bytes where it can take them from, if they are few. Their number is a
    /// multiple of 4096, as is the offset they go to.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Option<(&File, &[u8])> {
        let whole = widen(bytes.len()).is_multiple_of(widen(ALIGNMENT));
        let file = self
            .file
            .as_ref()
            .filter(|_| whole && bytes.len() <= BYTES_MAX)?;
        self.buffer.resize(BYTES_MAX + ALIGNMENT, 0);
        let from = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let aligned = self
            .buffer
            .get_mut(from..from.saturating_add(bytes.len()))?;
        aligned.copy_from_slice(bytes);
        Some((file, aligned))
    }

    /// No more of them: the file system has refused one.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_are_copied_to_where_a_direct_write_can_take_them_from() {
        let mut direct = Direct {
            file: Some(File::open("/dev/null").unwrap()),
            buffer: Vec::new(),
        };
        for bytes in [ALIGNMENT, BYTES_MAX, 2 * ALIGNMENT] {
            let bytes: Vec<u8> = (0..bytes).map(|n| n.to_le_bytes()[1]).collect();
            let (_, copy) = direct.take(&bytes).unwrap();
            assert_eq!(copy.as_ptr().align_offset(ALIGNMENT), 0);
            assert_eq!(copy, bytes);
        }
        assert!(
            direct.take(&vec![0; BYTES_MAX + ALIGNMENT]).is_none(),
            "many"
        );
        assert!(
            direct.take(&[0; ALIGNMENT + 1]).is_none(),
            "a part of a block"
        );
        direct.close();
        assert!(direct.take(&[0; ALIGNMENT]).is_none());
    }

    #[test]
    fn a_file_that_cannot_has_no_direct_handle() {
        let mut direct = Direct::default();
        direct.open(Path::new("/dev/null"));
        assert!(direct.take(&[0; ALIGNMENT]).is_none());
    }
}
