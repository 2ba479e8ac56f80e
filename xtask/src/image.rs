//! `cargo xtask image`: the agent image, without docker: this very program as a static binary, and nothing else.
//!
//! The same binaries give the same image, byte for byte. Its layers are not packed, so that its digest does not depend on
//! who packs how.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use test_cluster::Error;
use test_cluster::image::{agent_image_for, machine};
use test_cluster::index::Index;
use test_cluster::login::of_docker;
use test_cluster::registry::Registry;

use crate::build;
use crate::failure::Failure;
use crate::screen;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A static binary for linux/amd64, instead of building one for this machine
    #[arg(long, value_name = "FILE")]
    amd64: Option<PathBuf>,
    /// A static binary for linux/arm64, instead of building one for this machine
    #[arg(long, value_name = "FILE")]
    arm64: Option<PathBuf>,
    /// Where the archive is written, for `skopeo copy oci-archive:FILE docker://…`
    #[arg(long, value_name = "FILE", required_unless_present = "push")]
    out: Option<PathBuf>,
    /// Push it to a registry, with docker's login if it asks for one
    #[arg(long, value_name = "HOST/REPOSITORY:TAG")]
    push: Option<String>,
    /// The registry speaks plain http, as one on this machine is taken to do
    #[arg(long, requires = "push")]
    plain_http: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let push = args.push.as_deref().map(parted).transpose()?;
    let mut images = Vec::new();
    for (architecture, binary) in [("amd64", &args.amd64), ("arm64", &args.arm64)] {
        if let Some(binary) = binary {
            images.push((architecture, agent_image_for(architecture, &read(binary)?)));
        }
    }
    if images.is_empty() {
        let binary = build::release(&screen::interrupt())?;
        images.push((machine(), agent_image_for(machine(), &read(&binary)?)));
    }
    let index = Index::of(images);
    if let Some(out) = &args.out {
        fs::write(out, index.archive())
            .map_err(|error| Failure::Other(format!("cannot write {}: {error}", out.display())))?;
    }
    match push {
        None => println!("{}", index.digest()),
        Some((host, name)) => {
            let digest = pushed(host, name, &index, args.plain_http).map_err(|error| {
                Failure::Other(format!(
                    "{error}\n  to do: log in with docker login {host}; one without TLS needs --plain-http. Or write an \
                     archive (--out FILE), and copy it with skopeo copy --all oci-archive:FILE docker://{host}/{name}"
                ))
            })?;
            let (repository, _) = name.rsplit_once(':').unwrap_or((name, ""));
            // some registries do not say it
            let digest = if digest.is_empty() { index.digest() } else { digest };
            println!("{host}/{repository}@{digest}");
        }
    }
    Ok(())
}

/// Pushes it; its digest, where the registry says it.
fn pushed(host: &str, name: &str, index: &Index, plain: bool) -> Result<String, Error> {
    let registry = Registry::at(host).with_login(of_docker(host)?);
    let registry = if plain || is_here(host) { registry } else { registry.by_tls()? };
    registry.push_index(index, name)
}

/// Whether it is on this machine, and so taken to speak plain http, as docker does.
fn is_here(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A registry's host, and the repository and the tag there.
fn parted(name: &str) -> Result<(&str, &str), Failure> {
    let parts = name.split_once('/').filter(|(_, rest)| rest.contains(':'));
    parts.ok_or_else(|| Failure::Other(format!("{name}: an image is named HOST/REPOSITORY:TAG here")))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Other(format!("cannot read {}: {error}", path.display())))
}
