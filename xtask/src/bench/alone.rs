//! Rows that need no cluster.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::sample::Process;
use super::table::{Figure, Must, Promise};
use super::{Bench, Measure, Row, broken, read};
use crate::failure::Failure;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "version",
        promises: &[
            Promise { metric: "wall, s", against: "kubectl version --client", must: Must::AtMost(0.04) },
            Promise { metric: "CPU, s", against: "kubectl version --client", must: Must::AtMost(0.04) },
        ],
        measure: Measure::Alone(version),
    },
    Row {
        name: "binary",
        promises: &[Promise { metric: "size, MB", against: "kubectl", must: Must::AtMost(0.17) }],
        measure: Measure::Alone(binary),
    },
    Row {
        name: "render-helm",
        promises: &[
            Promise { metric: "render, wall, s", against: "helm template", must: Must::AtMost(0.08) },
            Promise { metric: "render, CPU, s", against: "helm template", must: Must::AtMost(0.08) },
            Promise { metric: "render, RSS, MB", against: "helm template", must: Must::AtMost(0.22) },
        ],
        measure: Measure::Alone(render_helm),
    },
    Row {
        name: "render-go",
        promises: &[
            Promise {
                metric: "render, wall, s",
                against: "Go text/template + sprig",
                must: Must::AtMost(1.0),
            },
            Promise {
                metric: "render, CPU, s",
                against: "Go text/template + sprig",
                must: Must::AtMost(1.0),
            },
        ],
        measure: Measure::Alone(render_go),
    },
    Row {
        name: "render-repository",
        promises: &[Promise {
            metric: "render among 200,000 files, wall, s",
            against: "in an empty repository",
            must: Must::AtMost(1.05),
        }],
        measure: Measure::Alone(render_repository),
    },
    Row {
        name: "dead-server",
        promises: &[Promise {
            metric: "error of a server that says nothing, s",
            against: "--request-timeout",
            // what the process takes to start and to say so
            must: Must::AtMost(1.02),
        }],
        measure: Measure::Alone(dead_server),
    },
];

fn version(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    let ours = Process::new(&bench.ours, ["version"]);
    let theirs = Process::new(&bench.kubectl, ["version", "--client"]);
    let pairs = bench.pairs(&ours, &theirs)?;
    Ok(vec![Figure::Ratio(pairs.by(|it| it.wall)), Figure::Ratio(pairs.by(|it| it.cpu))])
}

fn binary(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    let size = |path: &Path| {
        let found = fs::metadata(path).map_err(|error| broken(format!("{}: {error}", path.display())))?;
        Ok::<_, Failure>(found.len() as f64 / 1e6)
    };
    Ok(vec![Figure::once(size(&bench.ours)?, size(&bench.kubectl)?)])
}

/// Our `render` of the 17 documents.
fn render(bench: &Bench) -> Process {
    let file = |name: &str| bench.inputs.join(name).into_os_string();
    let args = ["render".into(), "-f".into(), file("pipeline.yaml"), "--values".into(), file("values.json")];
    Process::new(&bench.ours, args)
}

fn render_helm(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    let Some(helm) = &bench.helm else {
        return Ok(vec![Figure::Unmeasured("a smoke run does not build helm"); 3]);
    };
    let file = |name: &str| bench.inputs.join(name).into_os_string();
    let args = ["template".into(), "bench".into(), file("chart"), "--values".into(), file("values.json")];
    let pairs = bench.pairs(&render(bench), &Process::new(helm, args))?;
    for name in ["ours", "theirs"] {
        let kinds =
            bench.written(name)?.split(|byte| *byte == b'\n').filter(|it| it.starts_with(b"kind: ")).count();
        if kinds != 17 {
            return Err(broken(format!("{name} rendered {kinds} documents, which are 17")));
        }
    }
    Ok(vec![
        Figure::Ratio(pairs.by(|it| it.wall)),
        Figure::Ratio(pairs.by(|it| it.cpu)),
        Figure::Ratio(pairs.by(|it| it.rss)),
    ])
}

fn render_go(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    let args = ["chart/templates/pipeline.yaml", "values.json"].map(|name| bench.inputs.join(name));
    let pairs = bench.pairs(&render(bench), &Process::new(&bench.gotemplate, args))?;
    if bench.written("ours")? != bench.written("theirs")? {
        return Err(broken("both were to write the same bytes"));
    }
    Ok(vec![Figure::Ratio(pairs.by(|it| it.wall)), Figure::Ratio(pairs.by(|it| it.cpu))])
}

fn render_repository(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    let (full, empty) = (bench.folder.join("full"), bench.folder.join("empty"));
    let files = if bench.smoke { 200 } else { 200_000 };
    let made = repository(&empty, 0).and_then(|()| repository(&full, files));
    let pairs = made.and_then(|()| bench.pairs(&render(bench).within(&full), &render(bench).within(&empty)));
    for folder in [full, empty] {
        // what a run before this one has left goes, too
        let _ = fs::remove_dir_all(folder);
    }
    Ok(vec![Figure::Ratio(pairs?.by(|it| it.wall))])
}

/// A git repository that tracks so many files, a thousand a folder.
fn repository(folder: &Path, files: usize) -> Result<(), Failure> {
    let failed = |error: std::io::Error| broken(format!("{}: {error}", folder.display()));
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(failed)?;
    for number in 0..files {
        let below = folder.join(format!("folder-{}", number / 1000));
        if number % 1000 == 0 {
            fs::create_dir(&below).map_err(failed)?;
        }
        fs::File::create(below.join(format!("file-{number}"))).map_err(failed)?;
    }
    for args in [&["init", "--quiet"][..], &["add", "--all"]] {
        let done = Command::new("git").current_dir(folder).args(args).output().map_err(failed)?;
        if !done.status.success() {
            return Err(broken(format!("git {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr))));
        }
    }
    Ok(())
}

/// A kubeconfig of nobody for a server.
pub(super) fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\ncontexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n\
         clusters: [{{name: it, cluster: {{server: \"{server}\"}}}}]\nusers: [{{name: it, user: {{}}}}]\n"
    )
}

/// A server that was stopped in the middle: the kernel takes connections, and nobody answers.
fn dead_server(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    let failed = |error: std::io::Error| broken(format!("cannot listen: {error}"));
    let silent = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = silent.local_addr().map_err(failed)?;
    let kubeconfig = bench.folder.join("silent.kubeconfig");
    fs::write(&kubeconfig, self::kubeconfig(&format!("https://{address}"))).map_err(failed)?;
    let (args, bound) =
        if bench.smoke { (vec!["status", "--request-timeout=1s"], 1.0) } else { (vec!["status"], 15.0) };
    let process = Process::new(&bench.ours, args).with("KUBECONFIG", kubeconfig).ending_with(3);
    let took = process.measure(&bench.home(), &bench.out("dead"))?;
    if read(&bench.out("dead.err"))?.is_empty() {
        return Err(broken("nothing was said of a server that says nothing"));
    }
    Ok(vec![Figure::once(took.wall, bound)])
}
