//! `chain_12`: packed as it is released, installed by a real krew, used through kubectl, and gone again.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use test_cluster::Handle;

use crate::start::GLOB;
use crate::world::{Said, World};

const ARCHIVE: &str = "kubectl-studioci-linux-amd64.tar.gz";
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));
const MANIFEST: &str = "studioci.yaml";

/// A person who has kubectl and krew, and nothing else.
struct Person<'a> {
    world: &'a World,
    /// `KREW_ROOT`.
    root: PathBuf,
    /// Where kubectl and krew are, and nothing else.
    programs: PathBuf,
}

impl<'a> Person<'a> {
    fn new(world: &'a World) -> Self {
        let (root, programs) = (world.folder("krew"), world.folder("programs"));
        for (program, name) in [("kubectl", "kubectl"), ("krew", "kubectl-krew")] {
            symlink(world.cluster.tool(program), programs.join(name)).unwrap();
        }
        // an index that holds nothing: it is asked for, and nothing is ever fetched
        fs::create_dir_all(root.join("index/default/.git")).unwrap();
        fs::create_dir_all(root.join("index/default/plugins")).unwrap();
        Self { world, root, programs }
    }

    /// Any program, with only kubectl, krew and what it installed on PATH.
    fn run(&self, program: &Path, args: &[&str]) -> Said {
        let mut command = self.world.command(program);
        command
            .env("PATH", format!("{}:{}", self.root.join("bin").display(), self.programs.display()))
            .env("KREW_ROOT", &self.root)
            .env("TMPDIR", self.world.folder("tmp"));
        Said::of(&command.args(args).output().unwrap())
    }

    fn kubectl(&self, args: &[&str]) -> Said {
        self.run(&self.programs.join("kubectl"), args)
    }

    /// krew's own check; it installs what the manifest's addresses lead to.
    fn validate(&self, manifest: &str) -> Said {
        self.run(&self.world.cluster.tool("validate-krew-manifest"), &["-manifest", manifest])
    }
}

/// Packs the static binary that the agent image of this run holds; what is released differs in how it was optimised.
fn package(out: &Path, version: &str) -> Said {
    let mut xtask = Command::new(Handle::xtask().unwrap_or_else(|error| panic!("{error}")));
    let binary = Handle::static_binary().unwrap_or_else(|error| panic!("{error}"));
    xtask.args(["package", "--version", version, "--binary"]).arg(binary);
    Said::of(&xtask.arg("--out").arg(out).stdin(Stdio::null()).output().unwrap())
}

/// A server that answers every request with the same bytes, for as long as the tests run.
fn serve(bytes: Vec<u8>) -> SocketAddr {
    let answer = move |mut stream: TcpStream| {
        for line in BufReader::new(&stream).lines() {
            if line?.is_empty() {
                break;
            }
        }
        let length = bytes.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
        stream.write_all(&bytes)
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // whoever asked says himself that he got no answer
            let _: std::io::Result<()> = stream.and_then(&answer);
        }
    });
    address
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_12_packed_installed_by_krew_used_and_gone() {
    let world = World::bare("chain-12");
    let person = Person::new(&world);
    let [once, again] = ["once", "again"].map(|name| world.folder(name));
    let said = package(&once, "v9.9.9").failed(1);
    assert!(said.contains(&format!("says {VERSION}, not v9.9.9")), "{said}");
    let said = package(&once, VERSION).ok();
    assert_eq!(
        said,
        format!("{}\n{}\n", once.join(ARCHIVE).display(), once.join(MANIFEST).display()),
        "what was written"
    );
    package(&again, VERSION).ok();
    for file in [ARCHIVE, MANIFEST] {
        assert_eq!(fs::read(once.join(file)).unwrap(), fs::read(again.join(file)).unwrap(), "{file} twice");
    }

    // krew's whole check downloads and installs, so the address must lead somewhere
    let text = fs::read_to_string(once.join(MANIFEST)).unwrap();
    let address = serve(fs::read(once.join(ARCHIVE)).unwrap());
    let uri = text.lines().find_map(|line| line.trim().strip_prefix("uri: ")).unwrap();
    assert!(uri.ends_with(&format!("/{VERSION}/{ARCHIVE}")), "{uri}");
    let served = text.replace(uri, &format!("http://{address}/{ARCHIVE}"));
    let check = |folder: &str, text: &str| {
        let file = world.folder(folder).join(MANIFEST);
        fs::write(&file, text).unwrap();
        person.validate(&file.display().to_string())
    };
    let said = check("served", &served);
    assert!(said.err.contains("all 1 spec.platforms installed fine"), "{said:?}");
    said.ok();
    // it does look into the archive
    let bare = format!("{served}    files:\n    - from: kubectl-studioci\n      to: .\n");
    let said = check("bare", &bare);
    assert_ne!(said.code, 0, "{said:?}");
    assert!(said.err.contains("LICENSE (or alike) file is not extracted"), "{said:?}");

    let [manifest, archive] = [(MANIFEST, "--manifest"), (ARCHIVE, "--archive")]
        .map(|(file, flag)| format!("{flag}={}", once.join(file).display()));
    // an archive that somebody touched
    let mut touched = fs::read(once.join(ARCHIVE)).unwrap();
    let last = touched.len() - 1;
    touched[last] ^= 1;
    fs::write(again.join(ARCHIVE), touched).unwrap();
    let other = format!("--archive={}", again.join(ARCHIVE).display());
    let said = person.kubectl(&["krew", "install", &manifest, &other]).failed(1);
    assert!(said.contains("checksum does not match"), "{said}");
    let missing = person.kubectl(&["studioci", "version"]).failed(1);
    assert!(missing.contains("unknown command \"studioci\""), "{missing}");

    let said = person.kubectl(&["krew", "install", &manifest, &archive]);
    assert!(said.err.contains("Installed plugin: studioci"), "{said:?}");
    assert!(said.err.contains("Run `kubectl studioci setup` once, as an admin."), "{said:?}");
    said.ok();
    assert_eq!(person.kubectl(&["krew", "list"]).ok(), "detached/studioci\n");
    let stored = |file: &str| person.root.join("store/studioci").join(VERSION).join(file).exists();
    assert!(stored("LICENSE") && stored("README.md"), "what else was packed");
    let said = person.kubectl(&["studioci", "version"]).ok();
    assert_eq!(said, format!("Client Version: {VERSION}\n"));
    let plugins = person.kubectl(&["plugin", "list", "--name-only"]).ok();
    assert!(plugins.ends_with("\n\nkubectl-studioci\nkubectl-krew\n"), "{plugins}");

    // it works as any other, with nothing but kubectl beside it
    let image = world.cluster.agent_image().unwrap();
    person.kubectl(&["studioci", "setup", "--agent-image", &image]).ok();
    world.push("build-0001", "1", "exit 0");
    let pipeline = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let said = person.kubectl(&["studioci", "start", "-f", &pipeline, "--chain", world.chain]).ok();
    assert_eq!(said, "chain/chain-12 started\n");
    let status = person.kubectl(&["studioci", "status", world.chain]).ok();
    let row: Vec<&str> = status.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[..4], [&world.namespace(1), "chain-12", "1", "Listening"], "{status}");
    let help = person.kubectl(&["studioci", "status", "--help"]).ok();
    assert!(help.contains("kubectl studioci status"), "{help}");

    person.kubectl(&["krew", "uninstall", "studioci"]).ok();
    let gone = person.kubectl(&["studioci", "version"]).failed(1);
    assert_eq!(gone, missing, "as before");
    assert!(!person.root.join("store/studioci").exists(), "nothing of it is left");
}
