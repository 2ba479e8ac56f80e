//! Files that a person has named or written.

use std::io::{self, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use super::regular::{FileUnread, NamedBy, bounded, read_bytes};

/// What stands for standard input on the command line.
pub const STDIN: &str = "-";
/// The most that is read of one file: no object in a cluster holds more than 1.5 MB.
pub const MOST_BYTES: u64 = 4 << 20;

/// The mode of a file that is its owner's alone.
const PRIVATE: u32 = 0o600;

/// A file's text and the name that people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path as given, as far as it is UTF-8; `stdin` for `-`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none.
    #[error("there is no file {0}")]
    Absent(String),
    /// The system refuses.
    #[error("{0} cannot be read: {1}")]
    Refused(String, #[source] io::Error),
    /// It is no UTF-8 text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// It lies where nobody has named it, and is no regular file; what it is.
    #[error("{0} is {1}, not a regular file")]
    Irregular(String, &'static str),
    /// It is too large.
    #[error("{0} is larger than 4 MiB")]
    TooLarge(String),
}

/// Whether a path is standard input, by one of its names. It can be read once.
pub fn is_stdin(path: &Path) -> bool {
    [STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name))
}

/// Whether a path is standard output, where something is written.
pub fn is_dash(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// Reads a file, or `stdin` for `-`. A byte order mark is dropped.
///
/// # Errors
/// Why it cannot be read.
pub fn read(path: &Path, named: NamedBy, stdin: impl Read) -> Result<File, FileError> {
    let dash = named == NamedBy::Person && is_dash(path);
    let name = if dash { "stdin".to_owned() } else { path.to_string_lossy().into_owned() };
    let read = if dash { bounded(stdin, MOST_BYTES) } else { read_bytes(path, named, MOST_BYTES) };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(FileUnread::Irregular(what)) => return Err(FileError::Irregular(name, what)),
        Err(FileUnread::TooLarge(_)) => return Err(FileError::TooLarge(name)),
        Err(FileUnread::Refused(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FileError::Absent(name));
        }
        Err(FileUnread::Refused(error)) => return Err(FileError::Refused(name, error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| FileError::NotText(name.clone()))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(File { name, text })
}

/// What became of a file that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Created,
    /// It held something else.
    Replaced,
    /// It held the same.
    Unchanged,
}

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It is there, and may not be replaced.
    #[error("{0} is there already")]
    There(String),
    /// It is a link, or lies behind one that leads out of this folder; and where that leads.
    #[error("{0} is a link to {1}")]
    Link(String, String),
    /// The system refuses.
    #[error("{0} cannot be written: {1}")]
    Refused(String, #[source] io::Error),
}

/// Writes a file, and the folders above it. Another one sees the old text or the new one, and nothing between. What is there
/// is replaced only if `force`d.
///
/// # Errors
/// Why it is not written; then nothing was changed.
pub fn put(path: &Path, text: &str, force: bool) -> Result<Put, PutError> {
    put_bytes(path, text.as_bytes(), 0o666, force)
}

/// The same of bytes that nobody else is to read.
///
/// # Errors
/// As [`put`].
pub fn put_private(path: &Path, bytes: &[u8], force: bool) -> Result<Put, PutError> {
    put_bytes(path, bytes, PRIVATE, force)
}

fn put_bytes(path: &Path, bytes: &[u8], mode: u32, force: bool) -> Result<Put, PutError> {
    let name = path.display().to_string();
    let refused = |error: io::Error| PutError::Refused(name.clone(), error);
    let links = |part: &Path| std::fs::symlink_metadata(part).is_ok_and(|there| there.is_symlink());
    let is_within = path.is_relative() && path.components().all(|part| matches!(part, Component::Normal(_)));
    let mut above = path.ancestors().skip(1).filter(|part| is_within && links(part));
    let out = above.find(|part| {
        let here = std::fs::canonicalize(".");
        !std::fs::canonicalize(part).is_ok_and(|leads| here.is_ok_and(|here| leads.starts_with(here)))
    });
    if let Some(link) = links(path).then_some(path).or(out) {
        let leads = std::fs::read_link(link).map(|leads| leads.display().to_string()).unwrap_or_default();
        return Err(PutError::Link(link.display().to_string(), leads));
    }
    let there = match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => return Err(refused(io::Error::other("it is no regular file"))),
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(refused(error)),
    };
    if there {
        let old = || read_bytes(path, NamedBy::Nobody, bytes.len() as u64);
        // who may read what is there is not known
        if mode != PRIVATE && old().is_ok_and(|old| old == bytes) {
            return Ok(Put::Unchanged);
        }
        if !force {
            return Err(PutError::There(name));
        }
    }
    let written = written_beside(path, bytes, mode).and_then(|beside| {
        let moved = if force { std::fs::rename(&beside, path) } else { rename_new(&beside, path) };
        // whoever failed to move it leaves nothing behind
        moved.inspect_err(|_| drop(std::fs::remove_file(&beside)))
    });
    match written {
        Ok(()) if there => Ok(Put::Replaced),
        Ok(()) => Ok(Put::Created),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(PutError::There(name)),
        Err(error) => Err(refused(error)),
    }
}

/// Puts another text into a file that holds `old`, as [`read`] gave it; its byte order mark and its mode stay.
///
/// # Errors
/// Why it is not written; then nothing was changed.
pub fn replace(path: &Path, old: &str, new: &str) -> Result<(), PutError> {
    let name = path.display().to_string();
    let refused = |error: io::Error| PutError::Refused(name.clone(), error);
    if let Ok(leads) = std::fs::read_link(path) {
        return Err(PutError::Link(name, leads.display().to_string()));
    }
    let there = read_bytes(path, NamedBy::Nobody, MOST_BYTES).map_err(|why| refused(why.into()))?;
    let there = String::from_utf8(there).map_err(|_| refused(io::Error::other("it is not UTF-8 text")))?;
    let mark = there.strip_suffix(old).filter(|mark| matches!(*mark, "" | "\u{feff}"));
    let Some(mark) = mark else {
        return Err(refused(io::Error::other("somebody has changed it meanwhile")));
    };
    let moved = std::fs::metadata(path).and_then(|there| {
        let beside = written_beside(path, format!("{mark}{new}").as_bytes(), 0o666)?;
        let moved = std::fs::set_permissions(&beside, there.permissions())
            .and_then(|()| std::fs::rename(&beside, path));
        // whoever failed to move it leaves nothing behind
        moved.inspect_err(|_| drop(std::fs::remove_file(&beside)))
    });
    moved.map_err(refused)
}

/// Writes a new file in a file's folder, which is made where it is not there. `mode`: of which the umask takes its part.
fn written_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let beside = folder.join(format!(".{}.{}.partial", file.to_string_lossy(), std::process::id()));
    // what a run left that was killed
    let _ = std::fs::remove_file(&beside);
    let mut file = std::fs::File::options().write(true).create_new(true).mode(mode).open(&beside)?;
    match file.write_all(bytes).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(beside),
        Err(error) => {
            let _ = std::fs::remove_file(&beside);
            Err(error)
        }
    }
}

/// Gives a file a name that nothing has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // a file system that cannot say so
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        Err(error) => Err(error.into()),
    }
}

/// Copies this very program to a path, mode 0555. A copy that is cut off is never seen under that name.
///
/// # Errors
/// Why it cannot be copied.
#[expect(clippy::disallowed_methods, reason = "the one place that copies its own program")]
pub fn install_self(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let partial = path.with_extension("partial");
    std::fs::copy(std::env::current_exe()?, &partial)?;
    std::fs::set_permissions(&partial, std::fs::Permissions::from_mode(0o555))?;
    std::fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_this_program_can_be_run_and_not_written() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = std::env::temp_dir().join(format!("studioci-install-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let copy = folder.join("kubectl-studioci");
        for _ in 0..2 {
            install_self(&copy).unwrap();
        }
        let there = std::fs::metadata(&copy).unwrap();
        assert_eq!(there.permissions().mode() & 0o777, 0o555);
        assert!(there.len() > 100_000, "it is a program");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_is_written_once_and_replaced_only_by_force() {
        let folder = std::env::temp_dir().join(format!("studioci-put-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let file = folder.join("a/b.yaml");
        assert_eq!(put(&file, "1\n", false).unwrap(), Put::Created);
        assert_eq!(put(&file, "1\n", false).unwrap(), Put::Unchanged);
        assert!(matches!(put(&file, "2\n", false), Err(PutError::There(_))));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n");
        assert_eq!(put(&file, "2\n", true).unwrap(), Put::Replaced);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "2\n");
        // a link is not followed, whatever it leads to, and a folder is no file
        for (name, leads) in [("link", "b.yaml"), ("lost", "nowhere")] {
            let link = folder.join("a").join(name);
            std::os::unix::fs::symlink(leads, &link).unwrap();
            for force in [false, true] {
                assert!(
                    matches!(put(&link, "3\n", force), Err(PutError::Link(_, to)) if to == leads),
                    "{name}"
                );
            }
        }
        assert!(matches!(put(&folder, "3\n", true), Err(PutError::Refused(..))));
        assert!(matches!(put(&file.join("below"), "3\n", true), Err(PutError::Refused(..))));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "2\n");
        assert_eq!(std::fs::read_dir(folder.join("a")).unwrap().count(), 3, "nothing is left behind");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_private_file_is_its_owners_alone_also_where_it_replaces_one_that_was_not() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = std::env::temp_dir().join(format!("studioci-private-{}", std::process::id()));
        let file = folder.join("b.tar.gz");
        let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(put_private(&file, b"\x1f\x8b", false).unwrap(), Put::Created);
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        for bytes in [&b"2"[..], b"\x1f\x8b"] {
            assert!(
                matches!(put_private(&file, bytes, false), Err(PutError::There(_))),
                "also the same again"
            );
        }
        assert_eq!(put_private(&file, b"2", true).unwrap(), Put::Replaced);
        assert_eq!((mode(), std::fs::read(&file).unwrap()), (0o600, b"2".to_vec()));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_whose_text_is_replaced_keeps_its_mark_and_its_mode() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = std::env::temp_dir().join(format!("studioci-replace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("p.yaml");
        for mark in ["", "\u{feff}"] {
            std::fs::write(&file, format!("{mark}a: 1\r\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
            replace(&file, "a: 1\r\n", "a: \"1\"\r\n").unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{mark}a: \"1\"\r\n"));
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        }
        let changed = replace(&file, "a: 1\r\n", "x").unwrap_err().to_string();
        assert!(changed.ends_with("cannot be written: somebody has changed it meanwhile"), "{changed}");
        let link = folder.join("link");
        std::os::unix::fs::symlink("p.yaml", &link).unwrap();
        assert!(matches!(replace(&link, "", "x"), Err(PutError::Link(_, to)) if to == "p.yaml"));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing is left behind");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn standard_input() {
        let dash = Path::new(STDIN);
        let file = read(dash, NamedBy::Person, "\u{feff}a: 1\n".as_bytes()).unwrap();
        assert_eq!(file, File { name: "stdin".to_owned(), text: "a: 1\n".to_owned() });
        assert!(
            matches!(read(dash, NamedBy::Person, &[0xff_u8][..]), Err(FileError::NotText(name)) if name == "stdin")
        );
        assert!(matches!(read(dash, NamedBy::Person, io::repeat(b'a')), Err(FileError::TooLarge(_))));
        for (path, expected) in
            [("-", true), ("/dev/stdin", true), ("/dev//fd/0", true), ("./-", false), ("stdin", false)]
        {
            assert_eq!(is_stdin(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn files() {
        let read = |path| read(Path::new(path), NamedBy::Person, io::empty());
        assert!(read("Cargo.toml").unwrap().text.contains("[package]"));
        assert!(matches!(read("no/such/file"), Err(FileError::Absent(_))));
        assert!(matches!(read("src"), Err(FileError::Refused(..))));
        let dash = super::read(Path::new(STDIN), NamedBy::Nobody, io::empty());
        assert!(
            matches!(dash, Err(FileError::Absent(name)) if name == STDIN),
            "only a person means stdin by it"
        );
    }

    #[test]
    fn a_path_that_is_not_utf8_is_read() {
        use std::os::unix::ffi::OsStrExt as _;

        let name = [format!("studioci-p{}", std::process::id()).as_bytes(), &[0xfe]].concat();
        let path = std::env::temp_dir().join(std::ffi::OsStr::from_bytes(&name));
        std::fs::write(&path, "a: 1\n").unwrap();
        let file = read(&path, NamedBy::Person, io::empty());
        std::fs::remove_file(&path).unwrap();
        let file = file.unwrap();
        assert_eq!(file.text, "a: 1\n");
        assert!(file.name.ends_with('\u{fffd}'), "{}", file.name);
        assert!(
            matches!(read(&path, NamedBy::Person, io::empty()), Err(FileError::Absent(name)) if name == file.name)
        );
    }
}
