//! What `status --tree` draws.

use jiff::Timestamp;

use super::*;
use crate::chain::build::{Phase, Verdict};
use crate::chain::record::Entry;
use crate::chain::signs::Signs;
use crate::chain::wire;
use crate::output::form::ObjectForm;
use crate::output::listing::Listing;

const NOW: &str = "2026-11-25T12:00:00Z";

fn build(name: &str, generation: u64, verdict: Option<Verdict>) -> Build {
    let phase = if verdict.is_some() { Phase::Finished } else { Phase::Listening };
    let generation = generation.to_string();
    let told = [(wire::GENERATION, generation.as_str()), (wire::TAG, "build-2"), (wire::BASELINE, "build-2")];
    Build {
        verdict,
        cause: verdict.map(|_| "exit code 0".to_owned()),
        created: Some("2026-11-25T11:00:00Z".parse().unwrap()),
        ..Build::played(name, phase, &told)
    }
}

fn entry(generation: u64, verdict: &str) -> Entry {
    let text = format!(
        r#"{{"generation":{generation},"namespace":"größe-{generation}","uid":"{generation}","verdict":"{verdict}",
            "cause":"so it was.","version":"build-1","times":{{"claimed":"2026-11-25T10:00:00Z"}}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn head(generation: u64) -> crate::chain::head::Head {
    let data = [("uuid", "c".to_owned()), ("generation", generation.to_string())];
    let data = data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    crate::chain::head::Head::read("1", &data).unwrap()
}

fn drawn(builds: &[Build], kept: Option<&BTreeMap<String, KeptOfChain>>, listing: &Listing) -> String {
    let unproved = |why: &str| Signs { unproved: Some(why.to_owned()), ..Signs::default() };
    let (signs, labels) = (
        BTreeMap::from([("ci-feigned".to_owned(), unproved("nothing proves it ours"))]),
        BTreeMap::from([("ci-e".to_owned(), Map::from([("team".to_owned(), "a".to_owned())]))]),
    );
    let now: Timestamp = NOW.parse().unwrap();
    let chains = [
        ChainSeen {
            name: "app".to_owned(),
            uuid: Some("c".to_owned()),
            newest: builds.first().cloned(),
            ..ChainSeen::default()
        },
        ChainSeen { name: "over".to_owned(), ended: Some("by ann".to_owned()), ..ChainSeen::default() },
    ];
    let view = View::new(builds, &signs, now).with_labels(&labels);
    listing.rows(&TreeView::new(&chains, &ChainsView::new(&chains, &signs, now), &view, kept))
}

fn kept() -> BTreeMap<String, KeptOfChain> {
    let app = KeptOfChain {
        head: Some(head(9)),
        history: vec![entry(2, "Passed"), entry(3, "Failed"), entry(4, "Passed"), entry(6, "Errored")],
    };
    let over = KeptOfChain { head: Some(head(1)), history: vec![entry(1, "Passed")] };
    BTreeMap::from([("app".to_owned(), app), ("over".to_owned(), over)])
}

#[test]
fn a_chain_stands_above_its_builds_and_what_is_gone_is_a_gap_in_brackets() {
    let builds = [
        build("ci-e", 9, None),
        build("ci-d", 7, Some(Verdict::Passed)),
        build("ci-b", 5, Some(Verdict::Failed)),
    ];
    insta::assert_snapshot!(drawn(&builds, Some(&kept()), &Listing::default()), @"
        NAME           GEN   STATUS      TAG       AGE    WHY
        chain/app
        ├─ci-e         9     Listening   build-2   60m    waiting for a push after build-2
        ├─(1 build)    8                                  gone: 1 without a result
        ├─ci-d         7     Passed      build-2   60m    exit code 0
        ├─(größe-6)    6     Errored     build-1   120m   gone: so it was
        ├─ci-b         5     Failed      build-2   60m    exit code 0
        └─(3 builds)   2-4                                gone: 2 Passed, 1 Failed; kubectl studioci report app lists them
        chain/over                                        ended: by ann
        └─(größe-1)    1     Passed      build-1   120m   gone: so it was
        ");
}

#[test]
fn a_build_that_is_gone_is_told_as_it_was_whoever_has_its_name_now() {
    let builds = [
        build("ci-e", 9, None),
        build("ci-d", 7, Some(Verdict::Passed)),
        build("ci-b", 5, Some(Verdict::Failed)),
    ];
    let mut signs = BTreeMap::new();
    signs.insert("größe-6".to_owned(), Signs { unproved: Some("a copy".to_owned()), ..Signs::default() });
    let now: Timestamp = NOW.parse().unwrap();
    let view = View::new(&builds, &signs, now);
    let chains =
        [ChainSeen { name: "app".to_owned(), newest: builds.first().cloned(), ..ChainSeen::default() }];
    let told = ChainsView::new(&chains, &signs, now);
    let rows = Listing::default().rows(&TreeView::new(&chains, &told, &view, Some(&kept())));
    let gone = rows.lines().find(|row| row.contains("(größe-6)")).unwrap_or_default();
    assert!(gone.contains("Errored") && !rows.contains("Unproved"), "{rows}");
}

#[test]
fn a_chain_whose_head_is_lost_says_so_above_its_builds() {
    let builds = [build("ci-e", 9, None)];
    let (signs, labels) = (BTreeMap::new(), BTreeMap::new());
    let now: Timestamp = NOW.parse().unwrap();
    let fault = Some("home has no head of it".to_owned());
    let chains = [ChainSeen {
        name: "app".to_owned(),
        newest: builds.first().cloned(),
        fault,
        ..ChainSeen::default()
    }];
    let view = View::new(&builds, &signs, now).with_labels(&labels);
    let told = ChainsView::new(&chains, &signs, now);
    let rows = Listing::default().rows(&TreeView::new(&chains, &told, &view, Some(&BTreeMap::new())));
    let chain = rows.lines().nth(1).unwrap_or_default();
    assert!(chain.starts_with("chain/app "), "{rows}");
    assert!(
        chain.ends_with("  home has no head of it; kubectl studioci doctor app says what to do"),
        "{rows}"
    );
}

#[test]
fn earlier_chains_of_one_name_are_told_from_each_other_by_their_uuids_and_ages() {
    let of = |name, generation, uuid: &str, created: &str| Build {
        chain_uuid: uuid.to_owned(),
        created: Some(created.parse().unwrap()),
        ..build(name, generation, Some(Verdict::Passed))
    };
    let builds = [
        build("ci-e", 9, None),
        of("ci-y", 2, "6fa459ea-ee8a-3ca4-894e-db77e160355e", "2026-11-22T12:00:00Z"),
        of("ci-x", 1, "6fa459ea-ee8a-3ca4-894e-db77e160355e", "2026-11-20T12:00:00Z"),
        of("ci-w", 1, "größe", "2026-11-24T12:00:00Z"),
    ];
    let rows = drawn(&builds, None, &Listing::default());
    let titles: Vec<&str> = rows
        .lines()
        .filter(|line| line.starts_with("chain/app"))
        .map(|line| line.trim_start_matches("chain/app").trim())
        .collect();
    assert_eq!(
        titles,
        [
            "",
            "an earlier chain of that name (uuid größe, since 24h)",
            "an earlier chain of that name (uuid 6fa459ea, since 5d)",
        ],
        "{rows}"
    );
}

#[test]
fn without_home_and_with_label_columns_rows_are_drawn_all_the_same() {
    let builds = [build("ci-e", 9, None), build("ci-b", 5, Some(Verdict::Failed))];
    let listing = Listing {
        form: Some(ObjectForm::Wide),
        no_headers: true,
        label_columns: vec!["team".to_owned()],
        ..Listing::default()
    };
    let table = drawn(&builds, None, &listing);
    let ends = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        format!("{} … {}", cells[0], cells[cells.len() - 1])
    };
    let rows: Vec<String> = table.lines().map(ends).collect();
    assert_eq!(
        rows,
        ["chain/app … chain/app", "├─ci-e … a", "└─ci-b … 0"],
        "nothing is called gone: {table}"
    );
}

#[test]
fn branches_are_drawn_below_what_they_are_of() {
    let (a, b, c, d) =
        (build("ci-a", 3, None), build("ci-b", 2, None), build("ci-c", 2, None), build("ci-d", 1, None));
    let leaf = |build| Kin { of: KinOf::There(build), beside: Vec::new() };
    let nested = Kin { of: KinOf::There(&b), beside: vec![leaf(&c)] };
    let kin = vec![Kin { of: KinOf::There(&a), beside: vec![nested, leaf(&c)] }, leaf(&d)];
    let mut rows = Vec::new();
    draw(kin, "app", "", &mut rows);
    let told = |row: &TreeRow<'_>| match row.of {
        TreeRowOf::There(build) => format!("{}{}", row.drawn, build.namespace),
        ref other => panic!("{other:?}"),
    };
    let names: Vec<String> = rows.iter().map(told).collect();
    assert_eq!(names, ["├─ci-a", "│ ├─ci-b", "│ │ └─ci-c", "│ └─ci-c", "└─ci-d"]);
}

#[test]
fn what_only_says_that_it_is_a_link_stands_below_the_chain_and_takes_no_links_place() {
    let builds = [
        build("ci-e", 9, None),
        build("ci-feigned", 5, Some(Verdict::Passed)),
        build("ci-a", 1, Some(Verdict::Passed)),
    ];
    let rows = drawn(&builds, Some(&kept()), &Listing::default());
    let place = |word: &str| rows.lines().position(|line| line.contains(word)).unwrap();
    assert!(place("ci-e") < place("ci-a") && place("ci-a") < place("ci-feigned"), "{rows}");
    assert!(rows.lines().nth(place("ci-feigned")).unwrap().contains("Unproved"), "{rows}");
    let links = builds.into_iter().filter(|it| it.namespace != "ci-feigned").collect::<Vec<_>>();
    let without = drawn(&links, Some(&kept()), &Listing::default());
    let gaps = |rows: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        rows.lines().filter(|line| line.contains("builds)")).map(words).collect::<Vec<_>>()
    };
    assert_eq!(gaps(&rows), gaps(&without), "what is gone is still gone");
}
