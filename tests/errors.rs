//! One list of errors, `docs/errors.md`, held against the program: what each says, its exit code, what to do about it.
//!
//! Errors of the API server are made and asked; all others are cases that list themselves, so that none can be forgotten.
//! `cargo xtask docs` writes the page anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use studioci::chain::case::Case;
use studioci::chain::link::LinkFault;
use studioci::chain::repository::RepositoryFault;
use studioci::chain::wire;
use studioci::cli::failure::{ExitKind, Failure};
use studioci::cli::mistake::Mistake;
use studioci::cluster::{CertificateFault, ConfigFault, Denier, Error, Forbidden, Giver, Hindrance};
use studioci::publish::PublishFault;
use studioci::state;

/// The exit codes, and what they mean.
const KINDS: [(ExitKind, &str); 7] = [
    (ExitKind::Done, "done; of `watch`: the build passed"),
    (
        ExitKind::No,
        "the answer is no: Failed, Errored, Cancelled, findings, nothing of that name, a commit passed over",
    ),
    (ExitKind::Usage, "usage or configuration: the command line, the kubeconfig, the pipeline"),
    (ExitKind::Cluster, "the cluster: it cannot be reached, refuses, or is not as it must be"),
    (ExitKind::Timeout, "it took too long"),
    (ExitKind::OwnershipLost, "what was ours, or was to become ours, is somebody else's"),
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
    let unreachable = |giver: Giver, why: Hindrance| {
        let proxy = matches!(why, Hindrance::Proxy(_)).then(|| text("proxy"));
        let context = (giver == Giver::Kubeconfig).then(|| text("context"));
        Error::Unreachable { server: server(), context, proxy, why, giver }
    };
    let certificate =
        |giver: Giver, fault: CertificateFault| unreachable(giver, Hindrance::Certificate(Box::new(fault)));
    let misnamed = || CertificateFault::Misnamed { asked: text("name"), names: vec![text("names")] };
    let refused = || CertificateFault::Refused(text("why"));
    let proxy = || Hindrance::Proxy("the proxy …".to_owned());
    let link = || Hindrance::Link(text("why"));
    let unauthorized =
        |giver: Giver| Error::Unauthorized { server: server(), user: text("user"), why: why(), giver };
    let anonymous = Forbidden { user: "system:anonymous".to_owned(), ..forbidden.clone() };
    let mut all = vec![
        unreachable(Giver::Kubeconfig, link()),
        unreachable(Giver::ServerFlag, link()),
        unreachable(Giver::Pod, link()),
        certificate(Giver::Kubeconfig, CertificateFault::Untrusted),
        certificate(Giver::AuthorityFlag, CertificateFault::Untrusted),
        certificate(Giver::Pod, CertificateFault::Untrusted),
        certificate(Giver::Nobody, CertificateFault::Authority),
        certificate(Giver::Kubeconfig, misnamed()),
        certificate(Giver::ServerFlag, misnamed()),
        certificate(Giver::Pod, misnamed()),
        certificate(Giver::Kubeconfig, CertificateFault::Expired { when: Some(text("when")) }),
        certificate(Giver::Kubeconfig, CertificateFault::NotYet { when: Some(text("when")) }),
        certificate(Giver::Kubeconfig, CertificateFault::Unsupported(text("why"))),
        certificate(Giver::Kubeconfig, CertificateFault::Unusable(text("why"))),
        certificate(Giver::Kubeconfig, refused()),
        certificate(Giver::CertificateFlag, refused()),
        certificate(Giver::Nobody, refused()),
        unreachable(Giver::Kubeconfig, proxy()),
        unreachable(Giver::HttpsProxy, proxy()),
        Error::NoApiServer {
            what: what(),
            url: text("url"),
            proxy: None,
            answer: text("answer"),
            giver: Giver::Kubeconfig,
        },
        unauthorized(Giver::Kubeconfig),
        unauthorized(Giver::TokenFlag),
        unauthorized(Giver::CertificateFlag),
        unauthorized(Giver::ServerFlag),
        unauthorized(Giver::Pod),
        unauthorized(Giver::Nobody),
        Error::Forbidden(Box::new(forbidden)),
        Error::Forbidden(Box::new(anonymous)),
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
        Error::Timeout { what: what(), server: server(), proxy: None, after: Duration::from_secs(60) },
        Error::TooLarge { what: what(), most: 8 << 20 },
        Error::Other { what: what(), code: 500, why: "{why, of HTTP 500 and above}".to_owned() },
        Error::Other { what: what(), code: 0, why: "the server's answer cannot be read: …".to_owned() },
        Error::Other { what: what(), code: 418, why: why() },
    ]);
    for error in &all {
        match error {
            Error::Unreachable { .. }
            | Error::NoApiServer { .. }
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
            // cases that list themselves
            | Error::Config(_)
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

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', "<br>").replace('<', "&lt;").replace("&lt;br>", "<br>")
}

/// Cases by section, in the order in which they are written.
fn sections<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<(&'static str, Vec<&'a Case>)> {
    let mut sections: Vec<(&str, Vec<&Case>)> = Vec::new();
    for case in cases {
        match sections.last_mut() {
            Some((section, cases)) if *section == case.section => cases.push(case),
            _ => sections.push((case.section, vec![case])),
        }
    }
    sections
}

/// A sentence as somebody reads it: names that never change are spelled out, and how a fact is quoted does not matter.
fn shown(text: &str) -> String {
    let names = [
        ("{CHAIN}", wire::CHAIN),
        ("{FREEZE}", wire::FREEZE),
        ("{HOME}", wire::HOME),
        ("{HOME_CONFIG}", wire::HOME_CONFIG),
        ("{JOB}", wire::JOB),
        ("{LISTENER_SECURITY}", wire::LISTENER_SECURITY),
        ("{MAX_PER_HOUR}", wire::MAX_PER_HOUR),
        ("{ROLE_USER}", wire::ROLE_USER),
        ("{ROLE_WORKSPACE}", wire::ROLE_WORKSPACE),
    ];
    let text = names.iter().fold(text.replace(":?}", "}"), |text, (name, value)| text.replace(name, value));
    let text = text.replace("{{", "{").replace("}}", "}");
    let left = text.match_indices('{').find(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_uppercase()));
    assert!(left.is_none(), "a name that is not spelled out: {text}");
    text
}

/// A table for each section.
fn tables<'a>(text: &mut String, cases: impl IntoIterator<Item = &'a Case>) {
    for (section, cases) in sections(cases) {
        writeln!(text, "\n### {section}\n\n| case | it says | exit code | what to do |\n|---|---|---|---|")
            .unwrap();
        for Case { name, blame, what, remedy, .. } in cases {
            let code = ExitKind::from(*blame).code();
            writeln!(text, "| {name} | {} | {code} | {} |", cell(&shown(what)), cell(&shown(remedy)))
                .unwrap();
        }
    }
}

/// Of what is told elsewhere.
fn published() -> impl Iterator<Item = &'static Case> {
    LinkFault::CASES.iter().chain(RepositoryFault::CASES).chain(PublishFault::CASES)
}

fn page() -> String {
    let mut text = String::from(
        "# Errors\n\n<!-- Written by cargo xtask docs -->\n\n\
         Every error of `kubectl studioci` goes to stderr, begins with `error: `, and says what went wrong, where, why and what\n\
         to do about it. `{name}` stands for what is known only when it happens. Agents never exit with any of these: what\n\
         stops one is written into its build's WHY (`kubectl studioci status`) and into its log, and it tries again.\n\n\
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
    tables(&mut text, ConfigFault::CASES);
    text.push_str("\n## What a verb finds\n");
    tables(
        &mut text,
        Mistake::CASES
            .iter()
            .chain(state::error::Error::CASES)
            .chain(state::error::StartFlagFault::CASES)
            .chain(state::error::LogFault::CASES)
            .chain(state::error::CancelFault::CASES)
            .chain(state::error::SideFault::CASES)
            .chain(state::error::WatchFault::CASES),
    );
    text.push_str(
        "\n## Results for others\n\nWhat is wrong with a flag is said at `start`. What keeps a result from getting out is written down by the agent; \
         [publishing.md](publishing.md) says when it is tried again.\n",
    );
    tables(&mut text, published());
    text.push_str(
        "\n## The pipeline\n\nExit code 2. Every fault is reported with its place in the template, the reason, and a hint. A push\n\
         whose pipeline has one is Errored, with it as the cause. `kubectl studioci render --woven` finds all of them without a cluster:\n\n\
         ```\nerror: `Tagg` is not defined\n  at pipeline.yaml, line 15, column 44\n    15 |         image: registry.example/team/ci:{{ Tagg }}\n\
         \x20      |                                            ^\n  why: no value, fact or `set` has that name\n  hint: give it with `--set Tagg=…` or in a values file\n```\n",
    );
    text.push_str(
        "\n## The command line\n\nExit code 2, in kubectl's words, and each ends with `See 'kubectl studioci VERB --help' for usage.`:\n\
         unknown flag, unknown command, a flag without its argument, a value that does not parse, flags that exclude each\n\
         other, one argument too many, or a missing one.\n",
    );
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "who wants the page written says so")]
fn native_10_the_page_is_what_the_program_says() {
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
        "docs/errors.md is not what the program says: {differs:#?}\ncargo xtask docs writes it anew"
    );
}

#[test]
fn every_error_says_what_to_do_and_has_its_exit_code() {
    for error in of_the_server() {
        let failure = Failure::from(error);
        assert!(failure.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty()), "{failure}");
        assert!(matches!(failure.kind, ExitKind::Usage | ExitKind::Cluster | ExitKind::Timeout), "{failure}");
    }
    let of_state = state::error::Error::CASES
        .iter()
        .chain(state::error::StartFlagFault::CASES)
        .chain(state::error::LogFault::CASES)
        .chain(state::error::CancelFault::CASES)
        .chain(state::error::SideFault::CASES)
        .chain(state::error::WatchFault::CASES);
    for case in ConfigFault::CASES.iter().chain(Mistake::CASES).chain(of_state).chain(published()) {
        assert!(!case.what.is_empty() && !case.remedy.is_empty(), "{case:?}");
    }
}
