//! One list of errors, `docs/errors.md`, held against the program: what each says, its exit code, what to do about it.
//!
//! Errors of the API server are made and asked. All others are read from the sources, from where they are made; so what
//! is added cannot be forgotten, and what has no remedy fails here. `STUDIOCI_WRITE_DOCS=1 cargo test --test errors`
//! writes the page anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod reader;
mod tokens;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use studioci::cli::failure::{ExitKind, Failure};
use studioci::cluster::{Denier, Error, Forbidden};

use reader::{Reader, Row, SHARED};

/// Files that pass errors on, or define them, and make none of their own.
const PASS_ON: [&str; 5] =
    ["cli/causes.rs", "cli/failure.rs", "ops/error.rs", "pipeline/fault.rs", "cli/usage.rs"];

/// The exit codes, and what they mean.
const KINDS: [(ExitKind, &str); 7] = [
    (ExitKind::Done, "done; of `watch`: the build passed"),
    (ExitKind::No, "the answer is no: Failed, Errored, Cancelled, findings, nothing of that name"),
    (ExitKind::Usage, "usage or configuration: the command line, the kubeconfig, the pipeline"),
    (ExitKind::Cluster, "the cluster: it cannot be reached, refuses, or is not as it must be"),
    (ExitKind::Timeout, "it took too long"),
    (ExitKind::OwnershipLost, "what was ours, or was to be ours, is somebody else's"),
    (ExitKind::Interrupted, "Ctrl-C"),
];

/// One of each error of the API server; the match below fails to compile when one is added.
fn of_the_server() -> Vec<Error> {
    let text = |name: &str| format!("{{{name}}}");
    let (what, why, server) = (|| text("what"), || text("why"), || text("server"));
    let forbidden = Forbidden {
        user: text("user"),
        verb: text("verb"),
        resource: text("resource"),
        group: Some(String::new()),
        namespace: Some(text("namespace")),
        message: String::new(),
    };
    let mut all = vec![
        Error::Unreachable { server: server(), context: Some(text("context")), why: why() },
        Error::Unreachable { server: server(), context: None, why: why() },
        Error::Unreachable { server: server(), context: None, why: "… certificate …".to_owned() },
        Error::Unauthorized { server: server(), user: text("user"), why: why() },
        Error::Forbidden(Box::new(forbidden)),
    ];
    let deniers = [
        (Denier::Webhook(text("name")), "… admission webhook \"{name}\" denied the request: …"),
        (Denier::Unanswered(text("name")), "… failed calling webhook \"{name}\": …"),
        (Denier::Policy(text("name")), "… ValidatingAdmissionPolicy '{name}' … denied request: …"),
        (Denier::Quota, "… exceeded quota: …"),
        (Denier::LimitRange, "… maximum cpu usage per Container is …"),
        (Denier::PriorityClass(text("name")), "… no PriorityClass with name {name} was found"),
        (Denier::RuntimeClass(text("name")), "… RuntimeClass \"{name}\" not found"),
        (Denier::PodSecurity, "… violates PodSecurity …"),
        (Denier::Terminating, "… because it is being terminated"),
        (Denier::ServiceAccount, "… error looking up service account …"),
        (Denier::Escalation, "… is attempting to grant RBAC permissions not currently held …"),
        (Denier::Other, "… is forbidden: …"),
    ];
    let denied = |(by, why): (Denier, &str)| Error::Denied { what: what(), why: why.to_owned(), by };
    all.extend(deniers.map(denied));
    all.extend([
        Error::NotFound { what: what(), why: why() },
        Error::AlreadyExists { what: what(), why: why() },
        Error::Conflict { what: what(), why: why() },
        Error::Invalid { what: what(), why: why(), causes: Vec::new() },
        Error::Gone { what: what(), why: why() },
        Error::TooManyRequests { what: what(), why: why() },
        Error::Timeout { what: what(), server: server(), after: Duration::from_secs(60) },
        Error::TooLarge { what: what(), most: 8 << 20 },
        Error::Config { what: text("setting"), why: why(), remedy: text("remedy") },
        Error::Other { what: what(), code: 500, why: "{why, of HTTP 500 and above}".to_owned() },
        Error::Other { what: what(), code: 0, why: "the server's answer cannot be read: …".to_owned() },
        Error::Other { what: what(), code: 418, why: why() },
    ]);
    for error in &all {
        match error {
            Error::Unreachable { .. }
            | Error::Unauthorized { .. }
            | Error::Forbidden(_)
            | Error::NotFound { .. }
            | Error::AlreadyExists { .. }
            | Error::Conflict { .. }
            | Error::Invalid { .. }
            | Error::Gone { .. }
            | Error::TooManyRequests { .. }
            | Error::Timeout { .. }
            | Error::TooLarge { .. }
            | Error::Config { .. }
            | Error::Other { .. } => {}
            Error::Denied { by, .. } => match by {
                Denier::Webhook(_)
                | Denier::Policy(_)
                | Denier::Unanswered(_)
                | Denier::Quota
                | Denier::LimitRange
                | Denier::PriorityClass(_)
                | Denier::RuntimeClass(_)
                | Denier::PodSecurity
                | Denier::Terminating
                | Denier::ServiceAccount
                | Denier::Escalation
                | Denier::Other => {}
            },
        }
    }
    all
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" {
                files(&path, found);
            }
        } else if Path::new(&name).extension().is_some_and(|it| it == "rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Everything that the sources make: rows, and sentences that rows quote.
fn read() -> (Vec<Row>, Vec<(String, String)>) {
    let mut all = Vec::new();
    files(&root().join("src"), &mut all);
    all.sort();
    let (mut rows, mut quoted) = (Vec::new(), Vec::new());
    let (mut shared, mut constants) = (BTreeMap::new(), BTreeMap::new());
    // functions that make errors of what they are given are called from other files, and before they are written
    for _ in 0..3 {
        (rows, quoted) = (Vec::new(), Vec::new());
        for path in &all {
            let file = path.strip_prefix(root().join("src")).unwrap().to_str().unwrap().to_owned();
            let tokens = tokens::read(&std::fs::read_to_string(path).unwrap());
            let mut reader = Reader::of(&file, &shared, &constants);
            reader.walk(&tokens);
            quoted.extend(reader.quoted.drain(..).map(|said| (file.clone(), said)));
            if !PASS_ON.contains(&file.as_str()) {
                rows.append(&mut reader.rows);
            }
            constants.append(&mut reader.constants);
            shared.extend(reader.known.into_iter().filter(|(name, _)| SHARED.contains(&name.as_str())));
        }
    }
    rows.sort();
    rows.dedup();
    (rows, quoted)
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', "<br>").replace('<', "&lt;").replace("&lt;br>", "<br>")
}

fn page() -> String {
    let (rows, quoted) = read();
    let mut text = String::from(
        "# Errors\n\n<!-- Made from the sources: STUDIOCI_WRITE_DOCS=1 cargo test --test errors -->\n\n\
         Every error of `kubectl studioci` goes to stderr, begins with `error: `, and says what went wrong, where, why and what\n\
         to do about it. `{name}` stands for what is known only when it happens. Agents end with none of these: what stops\n\
         one is written into its build's WHY (`kubectl studioci status`) and into its log, and it tries again.\n\n\
         ## Exit codes\n\n| code | meaning |\n|---|---|\n",
    );
    for (kind, meaning) in KINDS {
        writeln!(text, "| {} | {meaning} |", kind.code()).unwrap();
    }
    text.push_str(
        "\n## The API server and the way to it\n\n| it says | exit code | what to do |\n|---|---|---|\n",
    );
    for error in of_the_server() {
        let failure = Failure::from(error);
        let remedy = failure.remedy.as_deref().unwrap_or_default();
        // the rule of RBAC is many lines
        let remedy =
            remedy.lines().next().unwrap_or_default().replace("applies:", "applies the Role that is printed");
        writeln!(text, "| {} | {} | {} |", cell(&failure.what), failure.kind.code(), cell(&remedy)).unwrap();
    }
    let of = |room: &str| {
        let mut sections: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.file.starts_with(room)) {
            let path = row.file.strip_prefix(room).unwrap().strip_suffix(".rs").unwrap();
            sections.entry(path.strip_suffix("/mod").unwrap_or(path)).or_default().push(row);
        }
        sections
    };
    text.push_str("\n## What a verb finds\n");
    for room in ["cluster/", "cli/", "ops/"] {
        for (section, rows) in of(room).into_iter().filter(|(section, _)| !section.starts_with("agent/")) {
            writeln!(text, "\n### {room}{section}\n\n| it says | exit code | what to do |\n|---|---|---|")
                .unwrap();
            for Row { what, why, remedy, code, .. } in rows {
                let what = if why.is_empty() { what.clone() } else { format!("{what}: {why}") };
                writeln!(text, "| {} | {code} | {} |", cell(&what), cell(remedy)).unwrap();
            }
        }
    }
    text.push_str("\n## What stops an agent\n\n| it says | what to do |\n|---|---|\n");
    for Row { what, remedy, .. } in of("ops/agent/").into_values().flatten() {
        writeln!(text, "| {} | {} |", cell(what), cell(remedy)).unwrap();
    }
    text.push_str("\n## The pipeline\n\nExit code 2. A push whose pipeline has one of these is Errored, with it as the cause.\n");
    let rooms = ["keel/", "pipeline/"];
    for (room, (section, rows)) in
        rooms.iter().flat_map(|room| of(room).into_iter().map(move |rows| (room, rows)))
    {
        writeln!(text, "\n### {room}{section}\n\n| it says | why | what to do |\n|---|---|---|").unwrap();
        for Row { what, why, remedy, .. } in rows {
            writeln!(text, "| {} | {} | {} |", cell(what), cell(why), cell(remedy)).unwrap();
        }
    }
    text.push_str(
        "\n## The command line\n\nExit code 2, in kubectl's words, and each ends with `See 'kubectl studioci VERB --help' for usage.`:\n\
         unknown flag, unknown command, a flag without its argument, a value that does not parse, flags that exclude each\n\
         other, an argument too many or missing.\n\n## What these sentences quote\n\n| said by | it says |\n|---|---|\n",
    );
    for (file, said) in quoted.iter().filter(|(file, said)| !file.ends_with("error.rs") && said.contains(' '))
    {
        writeln!(text, "| {file} | {} |", cell(said)).unwrap();
    }
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "who wants the page written says so")]
fn the_page_is_what_the_program_says() {
    let path = root().join("docs/errors.md");
    let page = page();
    if std::env::var_os("STUDIOCI_WRITE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).find(|(written, page)| written != page);
    assert!(
        written == page,
        "docs/errors.md is not what the program says: {differs:#?}\nSTUDIOCI_WRITE_DOCS=1 cargo test --test errors \
         writes it anew"
    );
}

#[test]
fn every_error_says_what_to_do_and_has_its_exit_code() {
    for error in of_the_server() {
        let failure = Failure::from(error);
        assert!(failure.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty()), "{failure}");
        assert!(matches!(failure.kind, ExitKind::Usage | ExitKind::Cluster | ExitKind::Timeout), "{failure}");
    }
    let (rows, _) = read();
    assert!(rows.len() > 150, "the sources were not read: {} rows", rows.len());
    let faults: Vec<String> = rows
        .iter()
        .filter(|row| row.what.is_empty() || row.remedy.is_empty() || !(1..=5).contains(&row.code))
        .map(|row| format!("{row:?}"))
        .collect();
    assert!(faults.is_empty(), "without remedy or exit code:\n{}", faults.join("\n"));
}
