//! Regular files only: what an image holds may be a link, a pipe or a device, which leads away, blocks or never ends.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Why a file of an image is not read.
pub(super) enum Refused {
    /// Nothing has this name.
    Absent,
    /// The rest of a sentence that begins with its path.
    Because(String),
}

/// Reads a regular file of at most so many bytes. Links are followed: the whole image is its own.
pub(super) fn read_regular(path: &Path, most: usize) -> Result<Vec<u8>, Refused> {
    let because = |error: io::Error| Refused::Because(format!("cannot be read: {error}"));
    let file = match open(path, OFlags::empty()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(match dangling(path) {
                Some(link) => Refused::Because(format!(
                    "cannot be read: {} is a link that leads nowhere",
                    link.display()
                )),
                None => Refused::Absent,
            });
        }
        Err(error) => return Err(because(error)),
    };
    let there = file.metadata().map_err(because)?;
    if let Some(what) = irregular(&there) {
        return Err(Refused::Because(format!("is {what}, not a regular file")));
    }
    let mut bytes = Vec::new();
    (&file).take(most as u64 + 1).read_to_end(&mut bytes).map_err(because)?;
    if bytes.len() > most {
        let size = there.len().max(bytes.len() as u64);
        return Err(Refused::Because(format!(
            "has {size} bytes, and no pipeline of more than {most} is taken from an image: put large files into the image"
        )));
    }
    Ok(bytes)
}

/// Opens for reading, and never waits: for the other end of a pipe, or for whoever holds a lease on the file.
pub(super) fn open(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | more;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    File::options().read(true).custom_flags(flags).open(path)
}

/// What something is that is no regular file.
pub(super) fn irregular(there: &std::fs::Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;

    let kind = there.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// The link on a path that leads nowhere, if there is one: what it names is not absent, but lost.
fn dangling(path: &Path) -> Option<&Path> {
    path.ancestors().find(|part| {
        let link = std::fs::symlink_metadata(part).is_ok_and(|there| there.file_type().is_symlink());
        link && std::fs::metadata(part).is_err()
    })
}
