//! Regular files only: what lies where nobody has named it, in an image, a checkout or a home directory, may be a pipe or a
//! device, which blocks or never ends.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Who has named a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// A person, with this very command: it is whatever they say, a pipe included.
    Person,
    /// Nobody (it is looked for there), or another file.
    Nobody,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum FileUnread {
    /// It is no regular file; what it is.
    #[error("it is {0}, not a regular file")]
    Irregular(&'static str),
    /// It has more bytes than these.
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    /// The system refuses.
    #[error(transparent)]
    Refused(#[from] io::Error),
}

impl From<FileUnread> for io::Error {
    fn from(why: FileUnread) -> Self {
        match why {
            FileUnread::Refused(error) => error,
            why => Self::other(why.to_string()),
        }
    }
}

/// Reads a file of at most so many bytes. Where nobody has named it, it is a regular one; or the null device, by which a
/// person says that there is nothing.
///
/// # Errors
/// Why it is not read.
pub fn read_bytes(path: &Path, named: NamedBy, most: u64) -> Result<Vec<u8>, FileUnread> {
    let file = match named {
        NamedBy::Person => File::open(path)?,
        NamedBy::Nobody => {
            let file = open(path, OFlags::empty())?;
            let there = file.metadata()?;
            if let Some(what) = irregular(&there).filter(|_| !is_null(&there)) {
                return Err(FileUnread::Irregular(what));
            }
            file
        }
    };
    bounded(file, most)
}

/// Reads whatever it is to its end, or to a byte more than these.
pub(super) fn bounded(from: impl io::Read, most: u64) -> Result<Vec<u8>, FileUnread> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(FileUnread::TooLarge(most)) } else { Ok(bytes) }
}

fn is_null(there: &Metadata) -> bool {
    let null = std::fs::metadata("/dev/null");
    there.file_type().is_char_device() && null.is_ok_and(|null| null.rdev() == there.rdev())
}

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
pub(super) fn irregular(there: &Metadata) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("studioci-regular-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        /// A pipe into which somebody writes as soon as it is opened; its path.
        fn pipe(&self, name: &str) -> PathBuf {
            let pipe = self.0.join(name);
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let to = pipe.clone();
            std::thread::spawn(move || std::fs::write(to, "piped"));
            pipe
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn unread(path: &Path, named: NamedBy) -> String {
        read_bytes(path, named, 4 << 20).unwrap_err().to_string()
    }

    #[test]
    fn what_lies_where_nobody_has_named_it_is_a_regular_file_or_not_read() {
        let folder = Folder::new();
        let _socket = std::os::unix::net::UnixListener::bind(folder.0.join("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.0.join("zero")).unwrap();
        std::fs::File::create(folder.0.join("sparse")).unwrap().set_len(1 << 40).unwrap();
        let pipe = folder.pipe("pipe");
        for (path, why) in [
            (pipe, "it is a pipe, not a regular file"),
            (folder.0.clone(), "it is a directory, not a regular file"),
            (folder.0.join("zero"), "it is a device, not a regular file"),
            (folder.0.join("sparse"), "it is larger than 4 MiB"),
        ] {
            assert_eq!(unread(&path, NamedBy::Nobody), why, "{}", path.display());
        }
        assert!(matches!(
            read_bytes(&folder.0.join("socket"), NamedBy::Nobody, 1),
            Err(FileUnread::Refused(_) | FileUnread::Irregular("a socket"))
        ));
        assert!(matches!(
            read_bytes(&folder.0.join("none"), NamedBy::Nobody, 1),
            Err(FileUnread::Refused(error)) if error.kind() == io::ErrorKind::NotFound
        ));
    }

    #[test]
    fn a_link_to_a_file_is_that_file_and_one_to_the_null_device_says_nothing() {
        let folder = Folder::new();
        std::fs::write(folder.0.join("file"), "said").unwrap();
        for (to, said) in [("file", "said"), ("/dev/null", "")] {
            let link = folder.0.join("link");
            std::os::unix::fs::symlink(to, &link).unwrap();
            for named in [NamedBy::Nobody, NamedBy::Person] {
                assert_eq!(read_bytes(&link, named, 4).unwrap(), said.as_bytes(), "{to}");
            }
            std::fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn what_a_person_names_may_be_a_pipe_and_is_bounded() {
        let folder = Folder::new();
        let pipe = folder.pipe("pipe");
        assert_eq!(read_bytes(&pipe, NamedBy::Person, 5).unwrap(), b"piped");
        assert_eq!(unread(Path::new("/dev/zero"), NamedBy::Person), "it is larger than 4 MiB");
    }
}
