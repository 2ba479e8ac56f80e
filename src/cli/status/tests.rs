//! What `status` prints for each way of asking.

use super::*;
use crate::chain::build::{Build, Map, NamespaceView};
use crate::chain::wire;
use crate::ops::status::BareChain;
use crate::output::console::StreamStyle;

fn builds() -> Vec<Build> {
    [("ci-a", "runner"), ("ci-b", "runner"), ("ci-c", "alone")]
        .into_iter()
        .map(|(namespace, chain)| {
            let map = |pairs: &[(&str, &str)]| {
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Map>()
            };
            let labels = map(&[(wire::CHAIN, chain), (wire::PHASE, "Listening")]);
            let told = map(&[(wire::OWNER, "o"), (wire::CHAIN_UUID, "c"), (wire::GENERATION, "1")]);
            Build::read(NamespaceView {
                namespace,
                uid: "u",
                resource_version: "1",
                created: Some(Timestamp::UNIX_EPOCH),
                terminating: false,
                labels: &labels,
                annotations: &told,
            })
            .unwrap()
        })
        .collect()
}

/// Stdout, stderr and the failure.
fn shown(builds: &[Build], line: &str) -> (String, String, Option<Failure>) {
    shown_beside(builds, None, line)
}

/// The same of a chain of which no namespace is there.
fn shown_beside(builds: &[Build], bare: Option<BareChain>, line: &str) -> (String, String, Option<Failure>) {
    let (mut console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
    let seen = Overview {
        builds: builds.to_vec(),
        labels: builds
            .iter()
            .map(|build| {
                let labels = [(wire::CHAIN, build.chain.as_str()), ("team", "a")];
                let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
                (build.namespace.clone(), labels.iter().map(own).collect())
            })
            .collect(),
        bare,
        ..Overview::default()
    };
    let words = ["x", "status"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty()));
    let settings = crate::cli::settings::ProcessSettings::default();
    let parsed = crate::cli::parse(words.map(std::ffi::OsString::from), &settings);
    let args = match parsed {
        Ok(crate::cli::Parsed::Verb(cli)) => match cli.verb {
            crate::cli::Verb::Status(args) => args,
            verb => panic!("{verb:?}"),
        },
        Ok(other) => panic!("{other:?}"),
        Err(failure) => return (String::new(), String::new(), Some(failure)),
    };
    let failure = args
        .listing()
        .and_then(|listing| show(&args, &listing, &seen, Timestamp::UNIX_EPOCH, &mut console))
        .err();
    (captured.out(), captured.err(), failure)
}

#[test]
fn nothing_found_is_said_to_people_and_an_empty_list_to_programs() {
    for line in ["", "-o wide", "-o name", "-l a=b", "runner -l a=b"] {
        assert_eq!(shown(&[], line), (String::new(), "No resources found\n".to_owned(), None), "{line}");
    }
    let (out, err, failure) = shown(&[], "-o json");
    assert!(out.contains("\"items\": []"), "{out}");
    assert_eq!((err.as_str(), failure), ("", None));
    assert_eq!(shown(&[], "-o custom-columns=NAME:.metadata.name").0, "NAME\n");
    assert_eq!(shown(&[], "-o jsonpath={.items[*].metadata.name}").0, "");
    assert_eq!(shown(&[], "--sort-by=.metadata.name").2, None, "nothing has no order, and needs none");
}

#[test]
fn a_name_that_nobody_has_is_a_no() {
    for line in ["nobody", "nobody -o json"] {
        let (out, _, failure) = shown(&builds(), line);
        assert_eq!((out.as_str(), failure.unwrap().kind), ("", ExitKind::No));
    }
}

#[test]
fn a_chain_of_which_no_namespace_is_there_is_an_empty_list_and_said_to_have_ended() {
    let bare =
        || Some(BareChain { chain: "over".to_owned(), ended: Some("by ann".to_owned()), begins: false });
    for (line, out) in [
        ("over", ""),
        ("over -o wide", ""),
        ("over -o name", ""),
        ("over -o custom-columns=NAME:.metadata.name", "NAME\n"),
        ("over -o jsonpath={.items[*].metadata.name}", ""),
        ("over -o jsonpath={.kind}", "BuildList"),
    ] {
        let (told, err, failure) = shown_beside(&[], bare(), line);
        assert_eq!((told.as_str(), failure), (out, None), "{line}");
        assert!(err.starts_with("chain over has no builds here: it ended (by ann)"), "{line}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    assert!(shown_beside(&[], bare(), "over -o json").0.contains("\"items\": []"));
}

#[test]
fn a_named_build_is_an_object_and_a_chain_is_a_list() {
    let kind = |name: &str| shown(&builds(), &format!("{name} -o jsonpath={{.kind}}")).0;
    assert_eq!(kind("ci-a"), "Build");
    assert_eq!(kind("runner"), "BuildList");
    assert_eq!(kind("alone"), "BuildList", "a chain of one build is a chain");
}

#[test]
fn names_and_rows_are_lines() {
    assert_eq!(shown(&builds(), "runner -o name").0, "namespace/ci-a\nnamespace/ci-b\n");
    assert_eq!(shown(&builds(), "--no-headers").0.lines().count(), 3);
}

#[test]
fn labels_have_columns_as_kubectls_have() {
    let (out, ..) = shown(&builds(), "alone -L studioci.dev/chain,none --show-labels");
    insta::assert_snapshot!(out, @"
        NAME   CHAIN   GEN   STATUS      TAG      AGE   WHY                          CHAIN   NONE   LABELS
        ci-c   alone   1     Listening   <none>   0s    waiting for the first push   alone          studioci.dev/chain=alone,team=a
        ");
    let (out, ..) = shown(&builds(), "alone --no-headers -L none");
    assert!(
        out.ends_with("waiting for the first push   \n"),
        "a label that is not there is an empty cell: {out:?}"
    );
    let (out, ..) = shown(&builds(), "alone -o jsonpath={.items[0].metadata.labels}");
    assert_eq!(out, r#"{"studioci.dev/chain":"alone","team":"a"}"#);
}

#[test]
fn builds_come_in_the_order_that_is_asked_for_whatever_the_form() {
    for (line, names) in [
        ("--sort-by=.spec.chain -o name", "namespace/ci-c namespace/ci-a namespace/ci-b"),
        ("--sort-by={.metadata.name} -o jsonpath={.items[*].metadata.name}", "ci-a ci-b ci-c"),
        ("--sort-by=spec.chain -o custom-columns=N:.metadata.name --no-headers", "ci-c ci-a ci-b"),
    ] {
        let (out, ..) = shown(&builds(), line);
        assert_eq!(out.split_whitespace().collect::<Vec<_>>().join(" "), names, "{line}");
    }
    let (.., failure) = shown(&builds(), "--sort-by=.status.nope");
    let what = failure.unwrap().what;
    assert_eq!(what, "couldn't find any field with path \"{.status.nope}\" in the list of objects");
}

#[test]
fn forms_and_flags_that_mean_nothing_are_refused_in_kubectls_words() {
    for (line, what) in [
        (
            "-o xml",
            "unable to match a printer suitable for the output format \"xml\", allowed formats are: custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,wide,yaml",
        ),
        (
            "-o json=x",
            "unable to match a printer suitable for the output format \"json=x\", allowed formats are: custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,wide,yaml",
        ),
        ("-o jsonpath", "template format specified but no template given"),
        ("-o jsonpath=", "template format specified but no template given"),
        ("-o jsonpath={.a", "error parsing jsonpath {.a, unclosed action"),
        ("-o custom-columns", "custom-columns format specified but no custom columns given"),
        ("-o custom-columns=A", "unexpected custom-columns spec: A, expected <header>:<json-path-expr>"),
        (
            "-o jsonpath={.items[9]}",
            "error executing jsonpath \"{.items[9]}\": Error executing template: array index out of bounds: index 9, length 3",
        ),
        ("-o go-template={{.kind}}", "-o go-template is not there: nothing here reads the templates of Go"),
        ("--show-labels -o json", "--show-labels needs the table: leave -o out, or say -o wide"),
        (
            "--output-watch-events",
            "--output-watch-events option can only be used with --watch or --watch-only",
        ),
        (
            "--sort-by={.a",
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
        ),
    ] {
        let failure = shown(&builds(), line).2.unwrap_or_else(|| panic!("{line} is refused"));
        assert_eq!((failure.what.as_str(), failure.kind), (what, ExitKind::Usage), "{line}");
    }
    assert!(shown(&builds(), "-o JSON").0.starts_with('{'), "kubectl takes it in either case");
}

#[test]
fn columns_keep_their_width_while_somebody_watches_and_headers_come_once() {
    let all = builds();
    let signs = std::collections::BTreeMap::new();
    let mut feed = Feed::default();
    let mut told = String::new();
    let listing = Listing { events: true, ..Listing::default() };
    let mut longer = all[0].clone();
    longer.namespace = "ci-longer-than-that".to_owned();
    for (happening, builds) in [
        (Happening::Added, &all[..]),
        (Happening::Added, &[longer.clone()]),
        (Happening::Modified, &all[..1]),
        (Happening::Deleted, &[longer]),
    ] {
        let view = View::new(builds, &signs, Timestamp::UNIX_EPOCH);
        told.push_str(&listing.print_on(&mut feed, happening, &view).unwrap());
    }
    insta::assert_snapshot!(told, @"
        EVENT      NAME   CHAIN    GEN   STATUS      TAG      AGE   WHY
        ADDED      ci-c   alone    1     Listening   <none>   0s    waiting for the first push
        ADDED      ci-a   runner   1     Listening   <none>   0s    waiting for the first push
        ADDED      ci-b   runner   1     Listening   <none>   0s    waiting for the first push
        ADDED      ci-longer-than-that   runner   1     Listening   <none>   0s    waiting for the first push
        MODIFIED   ci-a                  runner   1     Listening   <none>   0s    waiting for the first push
        DELETED    ci-longer-than-that   runner   1     Listening   <none>   0s    waiting for the first push
        ");
    let mut feed = Feed::default();
    let listing = Listing {
        form: Some(ObjectForm::Whole(crate::output::form::WholeForm::Json)),
        events: true,
        ..Listing::default()
    };
    let view = View::new(&all[..1], &signs, Timestamp::UNIX_EPOCH);
    let line = listing.print_on(&mut feed, Happening::Deleted, &view).unwrap();
    assert!(
        line.starts_with("{\"type\":\"DELETED\",\"object\":{\"apiVersion\":") && line.lines().count() == 1,
        "{line}"
    );
}
