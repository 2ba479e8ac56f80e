//! `native_07`: the rules of `docs/alerts.md` as Prometheus itself reads and judges them.

use std::fs;
use std::process::Command;

use studioci::chain::build::{Phase, Verdict};
use studioci::chain::wire;
use test_cluster::Handle;

const PAGE: &str = include_str!("../../docs/alerts.md");
/// When each rule fires, and when it does not.
const TESTS: &str = include_str!("../data/alerts.test.yaml");

/// The page's rules.
fn rules() -> &'static str {
    let blocks = PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let [rules] = blocks.map(|(block, _)| block).collect::<Vec<_>>()[..] else { panic!("one block") };
    rules
}

/// Each rule by its name, from its first line to the next one's.
fn each(rules: &str) -> impl Iterator<Item = (&str, &str)> {
    const BEGIN: &str = "  - alert: ";
    let starts: Vec<usize> = rules.match_indices(BEGIN).map(|(at, _)| at).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([rules.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| {
        let rule = &rules[start..end];
        (rule[BEGIN.len()..].lines().next().unwrap(), rule)
    })
}

#[test]
#[ignore = "needs promtool: cargo xtask test"]
fn native_07_each_rule_fires_where_promtool_says_that_it_must_and_nowhere_else() {
    let promtool = Handle::promtool().unwrap_or_else(|error| panic!("{error}"));
    let folder = std::env::temp_dir().join(format!("studioci-alerts-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("alerts.test.yaml"), TESTS).unwrap();
    let says = |rules: &str, args: &[&str]| {
        fs::write(folder.join("rules.yaml"), rules).unwrap();
        let output = Command::new(&promtool).args(args).current_dir(&folder).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (fine, said) = says(rules(), &["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"]);
    assert!(fine && said.contains(&format!("{} rules found", each(rules()).count())), "{said}");
    let judged = |rules: &str| says(rules, &["test", "rules", "alerts.test.yaml"]);
    let (fine, said) = judged(rules());
    assert!(fine, "{said}");

    // without a rule, or where it does not wait, a test of that rule fails
    for (name, rule) in each(rules()) {
        let at_once = rule.lines().filter(|line| !line.starts_with("    for: "));
        let at_once = at_once.collect::<Vec<_>>().join("\n") + "\n";
        for other in [String::new(), at_once] {
            if other == rule {
                continue;
            }
            let (fine, said) = judged(&rules().replacen(rule, &other, 1));
            assert!(!fine && said.contains(name), "{name} as {other:?}: {said}");
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// What this label is compared with, alternatives apart.
fn words<'a>(rules: &'a str, label: &str) -> Vec<&'a str> {
    let after = rules.split(label).skip(1).filter(|after| after.starts_with(['=', '!']));
    after.flat_map(|after| after.split('"').nth(1).unwrap().split('|')).collect()
}

#[test]
fn what_rules_select_are_labels_and_words_that_namespaces_have() {
    // as kube-state-metrics writes a label
    let label = |key: &str| format!("label_{}", key.replace(['.', '/', '-'], "_"));
    let (chain, phase, verdict) = (label(wire::CHAIN), label(wire::PHASE), label(wire::VERDICT));
    for text in [rules(), TESTS] {
        let known = [&chain, &phase, &verdict];
        for (at, _) in text.match_indices("label_") {
            let name: String =
                text[at..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect();
            assert!(known.contains(&&name), "{name}");
        }
        let (phases, verdicts) = (words(text, &phase), words(text, &verdict));
        assert!(phases.len() > 6 && verdicts.len() > 6, "{phases:?} {verdicts:?}");
        for word in phases {
            assert!(word.parse::<Phase>().is_ok(), "{word}");
        }
        for word in verdicts {
            assert!(word.parse::<Verdict>().is_ok(), "{word}");
        }
    }
    assert!(PAGE.contains(&format!("namespaces=[{},{},{}]", wire::CHAIN, wire::PHASE, wire::VERDICT)));
}
