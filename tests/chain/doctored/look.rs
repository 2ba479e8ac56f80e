//! What `doctor` says of a cluster, and which of its checks have been seen to fail and to be well again.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use test_cluster::audit;

use crate::world::World;

/// A check that only ever says that something may not be read.
const UNREADABLE: &str = "chains-known";

/// Asks it, and remembers what it said.
pub(super) struct Doctor<'a> {
    pub(super) world: &'a World,
    /// What has failed, and whether that was seen to be well afterwards.
    failed: RefCell<BTreeMap<String, bool>>,
}

/// What is not well, by check: the word, what is so, what else is said of it, and the remedy.
pub(super) type Unwell = BTreeMap<String, String>;

impl<'a> Doctor<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self { world, failed: RefCell::default() }
    }

    /// The exit code, and what is not well.
    pub(super) fn unwell(&self, args: &[&str]) -> (i32, Unwell) {
        let said = self.world.studioci(&[&["doctor", "-o", "json"], args].concat());
        let object: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        assert_eq!(object["result"], if said.code == 0 { "ok" } else { "failed" });
        let mut unwell = Unwell::new();
        let checks = object["checks"].as_array().unwrap();
        for check in checks {
            let text = |key: &str| check[key].as_str().unwrap_or_default();
            let (code, result) = (text("code"), text("result"));
            assert!(text("page").ends_with(&format!("/docs/doctor.md#{code}")), "{check}");
            let advised = ["failed", "warning"].contains(&result);
            assert_eq!(!text("remedy").is_empty(), advised, "{check}");
            if result != "ok" {
                let lines = check["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let lines: Vec<&str> = [text("message")].into_iter().chain(lines).collect();
                let said = format!("{result}: {}; remedy: {}\n", lines.join("\n"), text("remedy"));
                unwell.entry(code.to_owned()).or_default().push_str(&said);
                if advised || code == UNREADABLE {
                    self.failed.borrow_mut().entry(code.to_owned()).or_default();
                }
            }
        }
        // where the server was not reached nothing else is said
        let whole = checks.iter().any(|check| check["code"] == "server-reachable" && check["result"] == "ok");
        for (code, mended) in self.failed.borrow_mut().iter_mut() {
            *mended |= whole && !unwell.contains_key(code);
        }
        (said.code, unwell)
    }

    /// The checks that fail; nothing but these.
    pub(super) fn failing(&self, args: &[&str]) -> Unwell {
        let (code, mut unwell) = self.unwell(args);
        unwell.retain(|_, said| said.starts_with("failed"));
        assert_eq!(code, i32::from(!unwell.is_empty()), "{unwell:#?}");
        unwell
    }

    /// That this check of the chain, and no other one, fails, with these words and this remedy.
    pub(super) fn fails(&self, code: &str, words: &str, remedy: &str) {
        let failing = self.failing(&[self.world.chain]);
        assert_eq!(failing.keys().collect::<Vec<_>>(), [code], "{failing:#?}");
        says(&failing, code, "failed", words, remedy);
    }

    /// That nothing fails, and this check warns with these words and this remedy.
    pub(super) fn warns(&self, code: &str, words: &str, remedy: &str) {
        let (exit, unwell) = self.unwell(&[self.world.chain]);
        assert_eq!(exit, 0, "{unwell:#?}");
        says(&unwell, code, "warning", words, remedy);
    }

    /// That nothing is wrong with the cluster or the chain. The stand-in runs outside of the cluster, and an administrator is let
    /// off by the policies.
    pub(super) fn well(&self) -> Unwell {
        self.world.until("nothing is wrong", || {
            let (code, unwell) = self.unwell(&[self.world.chain]);
            let known = unwell.keys().eq(["keel-found", "setup-refusals"]);
            (code == 0 && known).then_some(unwell)
        })
    }

    /// What a repair prints of what it does.
    pub(super) fn repairs(&self, args: &[&str]) -> Vec<String> {
        let all = [&["doctor", self.world.chain, "--repair", "-o", "short"], args].concat();
        let said = self.world.studioci(&all);
        let is_one = |line: &&str| line.contains(" repaired: ") || line.contains("\" deleted");
        let lines: Vec<String> = said.out.lines().filter(is_one).map(str::to_owned).collect();
        let idle = said.err.lines().any(|line| line == "nothing to repair");
        assert_eq!(idle, lines.is_empty(), "{said:?}");
        lines
    }

    /// That a repair does just this; a dry run says the same and writes nothing.
    pub(super) fn is_repaired(&self, lines: &[&str]) {
        let (mark, dry) = (self.world.mark(), lines.iter().map(|line| format!("{line} (dry run)")));
        assert_eq!(self.repairs(&["--dry-run=client"]), dry.collect::<Vec<_>>());
        assert_eq!(self.written_since(mark), Vec::<String>::new(), "by a dry run");
        assert_eq!(self.repairs(&[]), lines);
        assert_eq!(self.repairs(&[]), Vec::<String>::new(), "once is enough");
    }

    /// What a person's plugin has written; what a server is only asked to look at is not.
    fn written_since(&self, mark: audit::Mark) -> Vec<String> {
        let mut events = self.world.requests(mark);
        assert!(events.iter().any(is_a_persons), "{events:#?}");
        events.retain(|event| {
            is_a_persons(event)
                && !["get", "list", "watch"].contains(&event.verb.as_str())
                && !["authentication.k8s.io", "authorization.k8s.io"]
                    .contains(&event.object_ref.api_group.as_str())
                && !event.uri.contains("dryRun=All")
        });
        events.into_iter().map(|event| format!("{} {}", event.verb, event.uri)).collect()
    }

    /// That every check of the product has failed, and was well again.
    pub(super) fn has_seen_all(&self) {
        let known = studioci::doctor::codes().into_iter().map(|code| (code.to_owned(), true)).collect();
        assert_eq!(*self.failed.borrow(), known);
    }
}

/// Whether the plugin has sent it, and for no agent.
fn is_a_persons(event: &audit::Event) -> bool {
    event.user_agent.starts_with("kubectl-studioci/")
        && !event.user.username.starts_with("system:serviceaccount:")
}

/// That a check says this, with this remedy.
pub(super) fn says(unwell: &Unwell, code: &str, grade: &str, words: &str, remedy: &str) {
    let said = unwell.get(code).unwrap_or_else(|| panic!("{code}: {unwell:#?}"));
    let (what, advice) = said.split_once("; remedy: ").unwrap();
    assert!(what.starts_with(&format!("{grade}: ")) && what.contains(words), "{code}: {said}");
    assert!(advice.contains(remedy), "{code}: {said}");
}
