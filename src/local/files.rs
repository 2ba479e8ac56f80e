//! Files named on the command line.

use std::io::{self, Read};
use std::path::Path;

/// What stands for standard input on the command line.
pub const STDIN: &str = "-";
/// The most that is read of one file: no object in a cluster holds more than 1.5 MB.
pub const MOST_BYTES: u64 = 4 << 20;

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
    /// It is too large.
    #[error("{0} is larger than 4 MiB, and no cluster takes an object of that size")]
    TooLarge(String),
}

/// Whether a path is standard input, by one of its names. It can be read once.
pub fn is_stdin(path: &Path) -> bool {
    [STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name))
}

/// Reads a file, or `stdin` for `-`. A byte order mark is dropped.
///
/// # Errors
/// Why it cannot be read.
pub fn read(path: &Path, stdin: impl Read) -> Result<File, FileError> {
    let dash = path == Path::new(STDIN);
    let name = if dash { "stdin".to_owned() } else { path.to_string_lossy().into_owned() };
    let mut bytes = Vec::new();
    let result = if dash {
        stdin.take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileError::Absent(name)),
        Err(error) => return Err(FileError::Refused(name, error)),
        Ok(_) if bytes.len() as u64 > MOST_BYTES => return Err(FileError::TooLarge(name)),
        Ok(_) => {}
    }
    let text = String::from_utf8(bytes).map_err(|_| FileError::NotText(name.clone()))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(File { name, text })
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
    fn standard_input() {
        let dash = Path::new(STDIN);
        let file = read(dash, "\u{feff}a: 1\n".as_bytes()).unwrap();
        assert_eq!(file, File { name: "stdin".to_owned(), text: "a: 1\n".to_owned() });
        assert!(matches!(read(dash, &[0xff_u8][..]), Err(FileError::NotText(name)) if name == "stdin"));
        assert!(matches!(read(dash, io::repeat(b'a')), Err(FileError::TooLarge(_))));
        for (path, expected) in
            [("-", true), ("/dev/stdin", true), ("/dev//fd/0", true), ("./-", false), ("stdin", false)]
        {
            assert_eq!(is_stdin(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn files() {
        let read = |path| read(Path::new(path), io::empty());
        assert!(read("Cargo.toml").unwrap().text.contains("[package]"));
        assert!(matches!(read("no/such/file"), Err(FileError::Absent(_))));
        assert!(matches!(read("src"), Err(FileError::Refused(..))));
    }

    #[test]
    fn a_path_that_is_not_utf8_is_read() {
        use std::os::unix::ffi::OsStrExt as _;

        let name = [format!("studioci-p{}", std::process::id()).as_bytes(), &[0xfe]].concat();
        let path = std::env::temp_dir().join(std::ffi::OsStr::from_bytes(&name));
        std::fs::write(&path, "a: 1\n").unwrap();
        let file = read(&path, io::empty());
        std::fs::remove_file(&path).unwrap();
        let file = file.unwrap();
        assert_eq!(file.text, "a: 1\n");
        assert!(file.name.ends_with('\u{fffd}'), "{}", file.name);
        assert!(matches!(read(&path, io::empty()), Err(FileError::Absent(name)) if name == file.name));
    }
}
