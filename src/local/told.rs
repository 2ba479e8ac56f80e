//! Both ends of what a CI container tells its agent.
//!
//! [`tell`] runs in the pushed image: whatever it reads may be a link, a pipe, a device or without end, and what it makes of
//! it is no secret. [`hear`] runs beside the token: it opens one file of one folder, and only if that is a regular file.
//! Neither follows what it should not, waits for anybody, or reads more than fits.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::OFlags;

use super::git;
use super::regular::{Refused, irregular, open, read_regular};
use crate::chain::freeze::Pushed;
use crate::chain::told::{BROUGHT_BYTES, TOLD_BYTES, TOLD_FILE, Telling};

/// Variables in which images tell their source revision, in the order in which they are believed.
const REVISION: [&str; 4] = ["STUDIOCI_REVISION", "GIT_COMMIT", "SOURCE_COMMIT", "GITHUB_SHA"];

/// What stands in the folder.
#[derive(Debug)]
pub enum Heard {
    /// Nothing yet.
    Nothing,
    /// A regular file, and when it was written. Nothing of it is read.
    Said(Said, Option<Timestamp>),
    /// Something that is not told like this, and why.
    Unreadable(String),
}

/// A told file, open.
#[derive(Debug)]
pub struct Said(File);

impl Said {
    /// What is told: up to one byte more than fits.
    ///
    /// # Errors
    /// It cannot be read, and why.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match (&self.0).take(TOLD_BYTES as u64).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(unreadable(error)),
        }
    }
}

fn unreadable(why: impl std::fmt::Display) -> String {
    format!("what the image tells cannot be read: {why}")
}

/// Looks at what the CI container has told into `folder`.
pub fn hear(folder: &Path) -> Heard {
    let file = match open(&folder.join(TOLD_FILE), OFlags::NOFOLLOW) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Heard::Nothing,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Heard::Unreadable(unreadable("it is a symbolic link"));
        }
        Err(error) => return Heard::Unreadable(unreadable(error)),
    };
    let there = match file.metadata() {
        Ok(there) => there,
        Err(error) => return Heard::Unreadable(unreadable(error)),
    };
    if let Some(what) = irregular(&there) {
        return Heard::Unreadable(unreadable(format!("it is {what}, not a regular file")));
    }
    let at = there.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    Heard::Said(Said(file), at)
}

/// What the image says of itself: the pipeline at `path`, relative to the working directory unless it begins with `/`, and
/// its revision.
#[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
pub fn of_image(path: &str) -> Telling {
    let told = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let revision = REVISION.into_iter().find_map(told).or_else(|| git::revision(Path::new(".")));
    Telling { pipeline: pipeline(path), revision }
}

/// Where the image holds its pipeline, as the listener's manifest says; `None` outside of one.
#[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
pub fn pipeline_path() -> Option<String> {
    std::env::var("STUDIOCI_PIPELINE_PATH").ok()
}

/// Writes what is told. One that is cut off is never seen, and what an earlier start of the container told goes first.
///
/// # Errors
/// The folder cannot be written to.
pub fn tell(folder: &Path, telling: &Telling) -> io::Result<()> {
    let (whole, partial) = (folder.join(TOLD_FILE), folder.join("partial"));
    for stale in [&whole, &partial] {
        match std::fs::remove_file(stale) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::write(&partial, telling.write())?;
    std::fs::rename(&partial, &whole)
}

/// The pipeline of an image. Only where there is nothing of that name at all it is absent.
fn pipeline(path: &str) -> Pushed {
    let read = read_regular(Path::new(path), BROUGHT_BYTES);
    match read {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Pushed::Text(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Err(_) => Pushed::Unreadable(format!("{path} is not UTF-8 text")),
        },
        Err(Refused::Absent) => Pushed::Absent,
        Err(Refused::Because(why)) => Pushed::Unreadable(format!("{path} {why}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    /// A folder of its own, gone at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("studioci-told-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn pipe(&self, name: &str) {
            mknodat(CWD, self.0.join(name), FileType::Fifo, Mode::RWXU, 0).unwrap();
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_told_is_heard_and_an_earlier_one_goes_first() {
        let folder = Folder::new("heard");
        assert!(matches!(hear(&folder.0), Heard::Nothing));
        for text in ["a: 1", "b: 2"] {
            let telling = Telling { pipeline: Pushed::Text(text.to_owned()), revision: None };
            tell(&folder.0, &telling).unwrap();
            let Heard::Said(said, Some(_)) = hear(&folder.0) else { panic!("nothing was said") };
            let bytes = said.read().unwrap();
            assert_eq!(Telling::read(&bytes), Ok(telling));
        }
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn an_agent_opens_nothing_but_a_regular_file() {
        let folder = Folder::new("opens");
        let told = folder.0.join(TOLD_FILE);
        fs::write(folder.0.join("secret"), "token").unwrap();
        let heard = |why: &str| match hear(&folder.0) {
            Heard::Unreadable(said) => assert!(said.contains(why), "{said}"),
            other => panic!("{why}: {other:?}"),
        };
        for target in ["secret", "/dev/zero", "/nowhere", "told"] {
            symlink(target, &told).unwrap();
            heard("symbolic link");
            fs::remove_file(&told).unwrap();
        }
        folder.pipe(TOLD_FILE);
        heard("a pipe, not a regular file");
        fs::remove_file(&told).unwrap();
        fs::create_dir(&told).unwrap();
        heard("a directory");
        fs::remove_dir(&told).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&told).unwrap();
        heard("what the image tells cannot be read");
    }

    #[test]
    fn an_agent_reads_no_more_than_fits() {
        let folder = Folder::new("fits");
        let endless = fs::File::create(folder.0.join(TOLD_FILE)).unwrap();
        endless.set_len(1 << 40).unwrap();
        let Heard::Said(said, _) = hear(&folder.0) else { panic!("it is a regular file") };
        let bytes = said.read().unwrap();
        assert_eq!(bytes.len(), TOLD_BYTES);
        assert!(Telling::read(&bytes).is_err());
    }

    #[test]
    fn only_what_has_no_name_is_absent() {
        let folder = Folder::new("absent");
        fs::write(folder.0.join("file"), "a: 1\n").unwrap();
        fs::write(folder.0.join("latin"), b"\xe9").unwrap();
        fs::write(folder.0.join("large"), "x".repeat(BROUGHT_BYTES + 1)).unwrap();
        fs::create_dir(folder.0.join("folder")).unwrap();
        folder.pipe("pipe");
        for (link, target) in [
            ("link", "file"),
            ("lost", "/var/run/secrets/x"),
            ("zero", "/dev/zero"),
            ("loop", "loop"),
            ("up", "nowhere"),
        ] {
            symlink(target, folder.0.join(link)).unwrap();
        }
        assert_eq!(pipeline(&folder.path("file")), Pushed::Text("a: 1\n".to_owned()));
        assert_eq!(pipeline(&folder.path("link")), Pushed::Text("a: 1\n".to_owned()));
        assert_eq!(pipeline(&folder.path("none")), Pushed::Absent);
        assert_eq!(pipeline(&folder.path("folder/none")), Pushed::Absent);
        for (name, why) in [
            ("latin", "is not UTF-8 text"),
            ("large", "has 262145 bytes, and no pipeline of more than 262144"),
            ("folder", "is a directory, not a regular file"),
            ("pipe", "is a pipe, not a regular file"),
            ("zero", "is a device, not a regular file"),
            ("lost", "is a link that leads nowhere"),
            ("up/pipeline.yaml", "is a link that leads nowhere"),
            ("loop", "cannot be read"),
            ("file/below", "cannot be read"),
        ] {
            match pipeline(&folder.path(name)) {
                Pushed::Unreadable(said) => assert!(said.contains(why), "{name}: {said}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_revision_is_read_from_a_repository_that_is_a_trap() {
        let folder = Folder::new("trap");
        fs::create_dir(folder.0.join(".git")).unwrap();
        folder.pipe(".git/HEAD");
        assert_eq!(git::revision(&folder.0), None);
        fs::remove_file(folder.0.join(".git/HEAD")).unwrap();
        symlink("/dev/zero", folder.0.join(".git/HEAD")).unwrap();
        assert_eq!(git::revision(&folder.0), None);
        fs::remove_file(folder.0.join(".git/HEAD")).unwrap();
        fs::write(folder.0.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::create_dir_all(folder.0.join(".git/refs/heads")).unwrap();
        fs::write(folder.0.join(".git/refs/heads/main"), "0".repeat(40)).unwrap();
        assert_eq!(git::revision(&folder.0), Some("0".repeat(40)));
    }
}
