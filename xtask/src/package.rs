//! `cargo xtask package`: what krew installs. An archive for this machine's platform, or for each that was built elsewhere,
//! and the manifest that leads there, checked by krew's own validator.
//!
//! The same binary, licence and time give the same archive, byte for byte. It refuses a binary of another version than
//! the one that is to be released, and a platform that `krew-manifest.yaml` does not name.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use flate2::{Compression, GzBuilder};
use test_cluster::archive::{Node, tar};
use test_cluster::image::{machine, sha256};
use test_cluster::interrupt::Interrupt;

use crate::build::{self, root};
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::screen;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where archive and manifest are written [default: target/package]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The version that is to be released, such as its tag; a program that says another is refused
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// A static binary to pack, instead of building the one that is released
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// A folder with a binary for each platform, such as kubectl-studioci-darwin-arm64, to pack all of them
    #[arg(long, value_name = "DIR", conflicts_with = "binary")]
    binaries: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    // whatever is wrong with the manifest is said before minutes of building
    let template = text(&root().join("krew-manifest.yaml"))?;
    let manifest = Manifest::read(&template)?;
    let own = manifest.clone().only(env::consts::OS, machine())?;
    let manifest = if args.binaries.is_some() { manifest } else { own };
    let binary = |platform: &str| match (&args.binary, &args.binaries) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(folder)) => Ok(folder.join(format!("kubectl-studioci-{platform}"))),
        (None, None) => build::release(&interrupt),
    };
    // of several, the one that runs here speaks for all
    let speaks = binary(&format!("{}-{}", env::consts::OS, machine()))?;
    let version = version_of(&speaks)?;
    if let Some(wanted) = args.version.as_deref().filter(|wanted| *wanted != version) {
        return Err(Failure::Other(format!(
            "{} says {version}, not {wanted}\n  to do: the version stands in Cargo.toml",
            speaks.display()
        )));
    }
    let out = args.out.clone().unwrap_or_else(|| build::target().join("package"));
    fs::create_dir_all(&out)
        .map_err(|error| Failure::Other(format!("cannot make folder {}: {error}", out.display())))?;
    // krew's index demands a licence beside every program
    let [licence, readme] = ["LICENSE", "README.md"].map(|name| (name, root().join(name)));
    let (mut sums, mut archives) = (Vec::new(), Vec::new());
    for (platform, name, program) in manifest.platforms() {
        let path = if args.binaries.is_some() { binary(&platform)? } else { speaks.clone() };
        let archive = archive(
            [
                (program, bytes(&path)?, 0o755),
                (licence.0, bytes(&licence.1)?, 0o644),
                (readme.0, bytes(&readme.1)?, 0o644),
            ],
            time()?,
        );
        let file = out.join(name);
        write(&file, &archive)?;
        sums.push(sha256(&archive).trim_start_matches("sha256:").to_owned());
        println!("{}", file.display());
        archives.push(file);
    }
    let manifest_file = out.join(manifest.file_name());
    let manifest = manifest.released(&version, &sums)?;
    write(&manifest_file, manifest.text()?.as_bytes())?;
    validate(&manifest_file, &interrupt)?;
    println!("{}", manifest_file.display());
    if let [archive] = archives.as_slice() {
        eprintln!(
            "try it: kubectl krew install --manifest={} --archive={}",
            manifest_file.display(),
            archive.display()
        );
    }
    Ok(())
}

/// What the program says of itself: `v` and its version.
fn version_of(binary: &Path) -> Result<String, Failure> {
    let failed =
        |why: String| Failure::Other(format!("cannot tell the version of {}: {why}", binary.display()));
    let output = Command::new(binary).arg("version").stdin(Stdio::null()).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.trim().strip_prefix("Client Version: ").filter(|_| output.status.success());
    version
        .map(str::to_owned)
        .ok_or_else(|| failed(format!("asked for it, it said {said:?} ({})", output.status)))
}

/// The time of everything in the archive, in seconds since 1970: `SOURCE_DATE_EPOCH`, else that of the commit.
fn time() -> Result<u64, Failure> {
    const EPOCH: &str = "SOURCE_DATE_EPOCH";
    if let Some(set) = env::var_os(EPOCH) {
        let number = set.to_str().and_then(|text| text.parse().ok());
        return number
            .ok_or_else(|| Failure::Other(format!("{EPOCH} is not a number of seconds: {}", set.display())));
    }
    let log = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(root())
        .stdin(Stdio::null())
        .output();
    let committed = log.ok().and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse().ok());
    // sources without git, such as an unpacked archive of them, have no time
    Ok(committed.unwrap_or(0))
}

/// Names, contents and permissions of files, packed. gzip notes neither a name nor a time.
fn archive<const N: usize>(files: [(&str, Vec<u8>, u32); N], time: u64) -> Vec<u8> {
    let files = files.map(|(name, bytes, mode)| (name.to_owned(), Node::File { bytes, mode }));
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let written = gzip.write_all(&tar(&BTreeMap::from(files), time));
    written.and_then(|()| gzip.finish()).expect("memory takes every write")
}

/// krew's own check, without an installation: nothing is at the manifest's address before the release.
fn validate(manifest: &Path, interrupt: &Interrupt) -> Result<(), Failure> {
    let validator = build::tool("validate-krew-manifest", interrupt)?;
    build::succeed(Command::new(validator).arg("-manifest").arg(manifest).arg("-skip-install"), interrupt)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Other(format!("cannot read {}: {error}", path.display())))
}

fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::Other(format!("cannot read {}: {error}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn packed(time: u64) -> Vec<u8> {
        archive([("program", b"\x7fELF".to_vec(), 0o755), ("LICENSE", b"free".to_vec(), 0o644)], time)
    }

    #[test]
    fn the_archive_depends_on_content_and_time_alone() {
        assert_eq!(packed(1_700_000_000), packed(1_700_000_000));
        assert_ne!(packed(1_700_000_000), packed(1_700_000_001));
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
        assert_eq!(packed(1_700_000_000)[..8], header, "gzip, deflate, no name, no time");
    }

    #[test]
    fn the_archive_is_what_krew_unpacks() {
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(packed(1_700_000_000).as_slice()).read_to_end(&mut tar).unwrap();
        // each file: a header block, then its content in a block
        let field = |entry: usize, at: usize, length: usize| {
            let field = &tar[entry * 1024 + at..][..length];
            String::from_utf8_lossy(field).trim_end_matches('\0').to_owned()
        };
        for (entry, name, mode) in [(0, "LICENSE", "0000644"), (1, "program", "0000755")] {
            assert_eq!(field(entry, 0, 100), name, "sorted");
            assert_eq!(field(entry, 100, 8), mode);
            assert_eq!((field(entry, 108, 8), field(entry, 116, 8)), ("0000000".into(), "0000000".into()));
            assert_eq!(field(entry, 136, 12), format!("{:011o}", 1_700_000_000));
            assert_eq!(field(entry, 156, 1), "0", "a plain file");
            assert_eq!(field(entry, 265, 64), "", "nobody's name");
        }
    }
}
