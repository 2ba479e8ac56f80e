//! The findings of `doctor`: by category, a line a check, and under what is not well the remedy and the page.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::console::StreamStyle;
use crate::chain::wire;
use crate::doctor::{CheckFinding, Grade};
use crate::state::narration::Narration;

/// Where the checks are explained.
const PAGE: &str = "blob/main/docs/doctor.md";

/// Of how many findings of one check and grade each is told to people; somebody may have made any number.
const ALIKE: usize = 5;

/// The longest word and two spaces: where sentences begin.
const INDENT: usize = 11;

fn page(code: &str) -> String {
    format!("{}/{PAGE}#{code}", wire::HOMEPAGE)
}

/// How a grade is marked: a coloured sign where that is welcome, else a word.
fn mark(grade: Grade, style: StreamStyle) -> String {
    let (sign, colour) = match grade {
        Grade::Ok => ("√", "32;1"),
        Grade::Warning => ("‼", "33;1"),
        Grade::Failed => ("×", "31;1"),
        Grade::Unknown => ("?", "36;1"),
    };
    if style.colour {
        format!("  \u{1b}[{colour}m{sign}\u{1b}[0m ")
    } else {
        format!("  {:width$}", grade.as_str(), width = INDENT - 2)
    }
}

/// The lines of the findings, each as a mark, which is ours, and a text. `all`: also of what is well.
pub fn lines(findings: &[CheckFinding], all: bool, style: StreamStyle) -> Vec<(String, String)> {
    let indent = " ".repeat(if style.colour { 4 } else { INDENT });
    let mut lines = Vec::new();
    let mut category = "";
    let mut alike: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let of = |it: &CheckFinding| {
        let same = |other: &&CheckFinding| {
            (other.code, &other.category, other.opinion.grade) == (it.code, &it.category, it.opinion.grade)
        };
        findings.iter().filter(same).count()
    };
    for finding in findings {
        let CheckFinding { code, category: own, opinion } = finding;
        if !all && opinion.grade == Grade::Ok {
            continue;
        }
        let told = alike.entry((code, own, opinion.grade.as_str())).or_default();
        *told += 1;
        if *told > ALIKE {
            if *told == ALIKE + 1 {
                let more = of(finding) - ALIKE;
                lines.push((indent.clone(), format!("… and {more} more of {code}, which -o json names")));
            }
            continue;
        }
        if own != category {
            if !category.is_empty() {
                lines.push((String::new(), String::new()));
            }
            category = own;
            lines.push((String::new(), own.clone()));
        }
        lines.push((mark(opinion.grade, style), opinion.what.clone()));
        lines.extend(opinion.lines.iter().map(|line| (indent.clone(), format!("  {line}"))));
        if opinion.grade == Grade::Ok {
            continue;
        }
        for (number, line) in opinion.remedy.iter().flat_map(|remedy| remedy.lines()).enumerate() {
            let begin = if number == 0 { "remedy: " } else { "  " };
            lines.push((indent.clone(), format!("{begin}{line}")));
        }
        lines.push((indent.clone(), format!("see {}", page(code))));
    }
    lines
}

/// The findings as one object.
pub fn object(findings: &[CheckFinding]) -> Value {
    let check = |CheckFinding { code, category, opinion }: &CheckFinding| {
        let mut check = json!({
            "code": code, "category": category, "result": opinion.grade.as_str(), "message": opinion.what,
            "page": page(code),
        });
        if let Some(remedy) = &opinion.remedy {
            check["remedy"] = json!(remedy);
        }
        if !opinion.lines.is_empty() {
            check["lines"] = json!(opinion.lines);
        }
        check
    };
    let failed = findings.iter().any(|it| it.opinion.grade == Grade::Failed);
    json!({
        "apiVersion": "studioci.dev/v1",
        "kind": "Diagnosis",
        "result": if failed { "failed" } else { "ok" },
        "checks": findings.iter().map(check).collect::<Vec<_>>(),
    })
}

/// What was repaired, for programs; none of what is said to people alone.
pub fn repair(narration: &Narration<'_>) -> Option<Value> {
    match narration {
        Narration::Repaired(resource, name, what) => {
            Some(json!({ "object": resource.object(name), "what": what }))
        }
        Narration::Deleted(name) => Some(json!({ "object": format!("namespace/{name}"), "what": "deleted" })),
        _ => None,
    }
}

/// What is said where nothing was repaired since nothing had to be: kubectl says so, too, rather than nothing.
pub fn unrepaired(repairs: &[Value], failures: usize) -> Option<&'static str> {
    (repairs.is_empty() && failures == 0).then_some("nothing to repair")
}

/// `12 checks: 2 failed, 1 warning, 9 ok`.
pub fn summary(findings: &[CheckFinding]) -> String {
    let grades = [Grade::Failed, Grade::Warning, Grade::Unknown, Grade::Ok];
    let counts = grades.into_iter().filter_map(|grade| {
        let count = findings.iter().filter(|it| it.opinion.grade == grade).count();
        (count > 0).then(|| format!("{count} {}", grade.as_str()))
    });
    let s = if findings.len() == 1 { "" } else { "s" };
    format!("{} finding{s}: {}", findings.len(), counts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Opinion;

    fn findings() -> Vec<CheckFinding> {
        let finding = |code, category: &str, grade, remedy: Option<&str>, lines: &[&str]| CheckFinding {
            code,
            category: category.to_owned(),
            opinion: Opinion {
                grade,
                what: format!("{code} is so"),
                remedy: remedy.map(str::to_owned),
                lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            },
        };
        vec![
            finding("a", "cluster", Grade::Ok, None, &[]),
            finding("b", "setup", Grade::Failed, Some("one\ntwo"), &["said"]),
            finding("c", "setup", Grade::Unknown, None, &[]),
            finding("d", "chain app", Grade::Warning, Some("three"), &[]),
        ]
    }

    fn text(all: bool, colour: bool) -> String {
        let lines = lines(&findings(), all, StreamStyle { colour });
        lines.into_iter().map(|(mark, text)| mark + &text + "\n").collect()
    }

    #[test]
    fn off_a_terminal_marks_are_words() {
        insta::assert_snapshot!(text(true, false), @"
        cluster
          ok       a is so

        setup
          failed   b is so
                     said
                   remedy: one
                     two
                   see https://github.com/studioci/kubectl-studioci/blob/main/docs/doctor.md#b
          unknown  c is so
                   see https://github.com/studioci/kubectl-studioci/blob/main/docs/doctor.md#c

        chain app
          warning  d is so
                   remedy: three
                   see https://github.com/studioci/kubectl-studioci/blob/main/docs/doctor.md#d
        ");
        assert!(text(true, false).is_ascii());
    }

    #[test]
    fn on_a_terminal_marks_are_signs_with_colour() {
        let text = text(true, true);
        assert!(text.contains("  \u{1b}[31;1m×\u{1b}[0m b is so\n      said\n    remedy: one\n"), "{text}");
    }

    #[test]
    fn short_says_nothing_of_what_is_well() {
        let text = text(false, false);
        assert!(text.starts_with("setup\n  failed   b is so\n") && !text.contains("cluster"), "{text}");
        assert!(lines(&findings()[..1], false, StreamStyle::default()).is_empty());
    }

    #[test]
    fn that_nothing_had_to_be_repaired_is_said_and_not_where_something_could_not_be() {
        let done = repair(&Narration::Deleted("ci-a")).unwrap();
        for (repairs, failures, said) in [
            (&[][..], 0, Some("nothing to repair")),
            (&[], 1, None),
            (std::slice::from_ref(&done), 0, None),
            (std::slice::from_ref(&done), 2, None),
        ] {
            assert_eq!(unrepaired(repairs, failures), said, "{repairs:?} {failures}");
        }
    }

    #[test]
    fn programs_get_every_check_with_its_page() {
        let object = object(&findings());
        assert_eq!((&object["result"], object["checks"].as_array().unwrap().len()), (&json!("failed"), 4));
        let page = "https://github.com/studioci/kubectl-studioci/blob/main/docs/doctor.md#b";
        assert_eq!(object["checks"][1]["page"], page);
        assert_eq!(super::object(&findings()[2..])["result"], "ok", "what is not known has not failed");
        assert_eq!(summary(&findings()), "4 findings: 1 failed, 1 warning, 1 unknown, 1 ok");
    }

    #[test]
    fn what_somebody_may_have_made_any_number_of_is_told_to_people_by_a_few_and_to_programs_whole() {
        let finding = |at: usize, code: &'static str, category: &str, grade| CheckFinding {
            code,
            category: category.to_owned(),
            opinion: Opinion {
                grade,
                what: format!("namespace ci-{at} is so"),
                remedy: Some("delete it".to_owned()),
                lines: Vec::new(),
            },
        };
        let orphans =
            |category| (0..250).map(move |at| finding(at, "chain-orphans", category, Grade::Warning));
        let failed = || (0..7).map(|at| finding(at, "chain-orphans", "chain a", Grade::Failed));
        let last = || [finding(0, "chain-slots", "chain b", Grade::Ok)];
        let all: Vec<CheckFinding> =
            orphans("chain a").chain(failed()).chain(orphans("chain b")).chain(last()).collect();
        let told: Vec<String> =
            lines(&all, true, StreamStyle::default()).into_iter().map(|(_, text)| text).collect();
        assert!(told.len() < 60, "{told:#?}");
        let more = |text: &str| told.iter().filter(|line| *line == text).count();
        assert_eq!(more("… and 245 more of chain-orphans, which -o json names"), 2);
        assert_eq!(more("… and 2 more of chain-orphans, which -o json names"), 1);
        assert_eq!(object(&all)["checks"].as_array().unwrap().len(), 508);
        assert_eq!(summary(&all), "508 findings: 7 failed, 500 warning, 1 ok");
    }
}
