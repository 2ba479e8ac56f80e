//! The annotations of the build workload that steer us, read once and refused where they cannot be read.

use std::time::Duration;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use crate::chain::build::Map;
use crate::chain::wire;
use crate::pipeline::documents;

/// How long a build may run unless its template says otherwise.
pub(super) const DEADLINE: Duration = Duration::from_secs(6 * 3600);
/// How long support may take to get ready unless the template says otherwise.
pub(super) const SUPPORT_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// How long what others put into a build's pod may run on after the verdict, unless the template says otherwise: a proxy
/// gets the time to send what it holds.
pub const INJECTED_DEADLINE: Duration = Duration::from_secs(30);
/// How often an idle listener of a match-tag chain looks for what Keel lost.
pub const RECHECK: Duration = Duration::from_secs(15 * 60);
/// How long an agent must not have run before a later one of the chain ends its build.
pub const ADOPT_AFTER: Duration = Duration::from_secs(5 * 60);
/// How many builds of a chain may begin within an hour unless the template says otherwise: no team pushes more, and a chain that
/// pushes what it listens to does.
pub const MAX_PER_HOUR: u32 = 60;
/// The group that [`wire::REVISION_FROM_TAG`] must have.
const REVISION_GROUP: &str = "revision";

/// The fields of a security context that a listener takes over: who its process is, and nothing that gives it more. Not
/// `supplementalGroupsPolicy`, which is newer than Kubernetes 1.30: Keel's client would drop it.
pub(super) const RUN_AS: [&str; 6] =
    ["runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "fsGroupChangePolicy", "supplementalGroups"];

/// Whom the listener runs as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RunAs {
    /// Whom the build container runs as.
    Template,
    /// Whom the cluster picks (`omit`): for clusters that give every namespace its own range of users.
    Omitted,
    /// These fields of a pod's securityContext.
    Given(Object<String, Value>),
}

/// What the build workload's annotations say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildSettings {
    /// How long the build's pod may run, counted by the kubelet from its start.
    pub deadline: Duration,
    /// How long it may be Pending for a reason that cannot heal by itself; none leaves it to the agent.
    pub pending_deadline: Option<Duration>,
    /// How long a build may wait for a node, or for a quota; `None` = a day.
    pub scheduling_deadline: Option<Duration>,
    /// How long support may take to get ready, counted from when the build is prepared.
    pub support_deadline: Duration,
    /// How long what others put into the build's pod may run on, counted from the verdict.
    pub injected_deadline: Duration,
    /// Where the CI image holds the pipeline; relative to its working directory unless it begins with `/`.
    pub pipeline_path: String,
    /// How many builds of the chain may run at once.
    pub max_parallel: u32,
    /// How many may begin within an hour.
    pub max_per_hour: u32,
    /// Finds the revision in a tag, in the group `revision`.
    pub revision_from_tag: Option<String>,
    /// Interval of the recheck.
    pub recheck: Duration,
    /// How long an agent must not have run before a later one ends its build.
    pub adopt_after: Duration,
    /// Whether the listener keeps all the template's scheduling fields.
    pub template_scheduling: bool,
    /// Whom the listener runs as.
    pub identity: RunAs,
}

impl BuildSettings {
    /// The source revision that a tag names, by the group of `studioci.dev/revision-from-tag`.
    pub fn revision_of(&self, tag: &str) -> Option<String> {
        let pattern = regex::Regex::new(self.revision_from_tag.as_deref()?).ok()?;
        pattern.captures(tag)?.name(REVISION_GROUP).map(|found| found.as_str().to_owned())
    }
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            deadline: DEADLINE,
            pending_deadline: None,
            scheduling_deadline: None,
            support_deadline: SUPPORT_DEADLINE,
            injected_deadline: INJECTED_DEADLINE,
            pipeline_path: wire::PIPELINE_PATH_DEFAULT.to_owned(),
            max_parallel: 1,
            max_per_hour: MAX_PER_HOUR,
            revision_from_tag: None,
            recheck: RECHECK,
            adopt_after: ADOPT_AFTER,
            template_scheduling: false,
            identity: RunAs::Template,
        }
    }
}

/// An annotation that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadSetting {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) why: String,
}

/// Every key that a person may write, for telling a slip of the pen.
pub(super) const KEYS: [&str; 15] = [
    wire::BUILD,
    wire::BUILD_CONTAINER,
    wire::DEADLINE,
    wire::PENDING_DEADLINE,
    wire::SCHEDULING_DEADLINE,
    wire::SUPPORT_DEADLINE,
    wire::INJECTED_DEADLINE,
    wire::PIPELINE_PATH,
    wire::LISTENER_SCHEDULING,
    wire::LISTENER_SECURITY,
    wire::MAX_PARALLEL,
    wire::MAX_PER_HOUR,
    wire::REVISION_FROM_TAG,
    wire::RECHECK,
    wire::ADOPT_AFTER,
];

impl BuildSettings {
    /// Reads the annotations of the build workload.
    pub(super) fn read(annotations: &Map) -> (Self, Vec<BadSetting>) {
        let mut bad = Vec::new();
        let mut settings = Self::default();
        let mut read = |key: &'static str, take: &mut dyn FnMut(&str) -> Result<(), String>| {
            if let Some(value) = annotations.get(key)
                && let Err(why) = take(value)
            {
                bad.push(BadSetting { key, value: value.clone(), why });
            }
        };
        read(wire::DEADLINE, &mut |value| duration(value).map(|it| settings.deadline = it));
        read(wire::PENDING_DEADLINE, &mut |value| {
            duration(value).map(|it| settings.pending_deadline = Some(it))
        });
        read(wire::SCHEDULING_DEADLINE, &mut |value| {
            duration(value).map(|it| settings.scheduling_deadline = Some(it))
        });
        read(wire::SUPPORT_DEADLINE, &mut |value| duration(value).map(|it| settings.support_deadline = it));
        read(wire::INJECTED_DEADLINE, &mut |value| duration(value).map(|it| settings.injected_deadline = it));
        read(wire::RECHECK, &mut |value| duration(value).map(|it| settings.recheck = it));
        read(wire::ADOPT_AFTER, &mut |value| duration(value).map(|it| settings.adopt_after = it));
        read(wire::PIPELINE_PATH, &mut |value| {
            if value.is_empty() || value.ends_with('/') {
                return Err("it must name a file".to_owned());
            }
            value.clone_into(&mut settings.pipeline_path);
            Ok(())
        });
        read(wire::MAX_PARALLEL, &mut |value| match value.parse() {
            Ok(number @ 1..) => {
                settings.max_parallel = number;
                Ok(())
            }
            _ => Err("it must be a whole number from 1".to_owned()),
        });
        read(wire::MAX_PER_HOUR, &mut |value| per_hour(value).map(|it| settings.max_per_hour = it));
        read(wire::REVISION_FROM_TAG, &mut |value| {
            let pattern = Regex::new(value).map_err(|error| error.to_string())?;
            if !pattern.capture_names().flatten().any(|name| name == REVISION_GROUP) {
                return Err("it has no group (?P<revision>…)".to_owned());
            }
            settings.revision_from_tag = Some(value.to_owned());
            Ok(())
        });
        read(wire::LISTENER_SCHEDULING, &mut |value| match value {
            "template" => {
                settings.template_scheduling = true;
                Ok(())
            }
            _ => Err("the only value is template".to_owned()),
        });
        read(wire::LISTENER_SECURITY, &mut |value| identity(value).map(|it| settings.identity = it));
        (settings, bad)
    }
}

/// Reads a duration: whole numbers with the units `d`, `h`, `m` and `s`, largest first (`6h`, `1h30m`).
///
/// # Errors
/// Why it is none, or is zero or more than the 2³¹−1 seconds that a pod's deadline can hold.
pub fn duration(text: &str) -> Result<Duration, String> {
    let shape = || "it must be a duration such as 6h, 90m or 1h30m".to_owned();
    let (mut rest, mut seconds, mut last) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(shape)?;
        let number: u64 = rest[..digits].parse().map_err(|_| shape())?;
        let unit = match rest.as_bytes()[digits] {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return Err(shape()),
        };
        if unit >= last {
            return Err(shape());
        }
        seconds = number.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(shape)?;
        last = unit;
        rest = &rest[digits + 1..];
    }
    match seconds {
        0 => Err(shape()),
        1..=0x7fff_ffff => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be less than 68 years".to_owned()),
    }
}

/// Reads how many builds may begin within an hour.
///
/// # Errors
/// Why that is none: the head remembers the times of a thousand.
pub fn per_hour(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("it must be a whole number from 1 to 1000".to_owned()),
    }
}

fn identity(text: &str) -> Result<RunAs, String> {
    if text == "omit" {
        return Ok(RunAs::Omitted);
    }
    let shape = || format!("it must be omit, or a YAML mapping of {}", RUN_AS.join(", "));
    let Ok(Value::Object(fields)) = documents::read_value(wire::LISTENER_SECURITY, text) else {
        return Err(shape());
    };
    for (field, value) in &fields {
        let fits = match field.as_str() {
            "runAsUser" | "runAsGroup" | "fsGroup" => value.as_i64().is_some_and(|id| id >= 0),
            "runAsNonRoot" => value.is_boolean(),
            "supplementalGroups" => {
                value.as_array().is_some_and(|ids| ids.iter().all(|id| id.as_i64().is_some_and(|id| id >= 0)))
            }
            "fsGroupChangePolicy" => value.is_string(),
            _ => {
                return Err(format!(
                    "{field} is not among the fields that it may set: {}",
                    RUN_AS.join(", ")
                ));
            }
        };
        if !fits {
            return Err(format!("{field} cannot be {value}"));
        }
    }
    Ok(RunAs::Given(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units_largest_first() {
        for (text, seconds) in [
            ("6h", Some(21_600)),
            ("90m", Some(5_400)),
            ("1h30m", Some(5_400)),
            ("2d", Some(172_800)),
            ("45s", Some(45)),
            ("0h1s", Some(1)),
            ("2147483647s", Some(2_147_483_647)),
            ("", None),
            ("6", None),
            ("h", None),
            ("0s", None),
            ("-1h", None),
            ("1.5h", None),
            ("30m1h", None),
            ("1h1h", None),
            ("1 h", None),
            ("6hours", None),
            ("2147483648s", None),
            ("99999999999999999999d", None),
            ("１h", None),
        ] {
            assert_eq!(duration(text).ok().map(|it| it.as_secs()), seconds, "{text:?}");
        }
    }

    fn read(key: &str, value: &str) -> Result<BuildSettings, String> {
        let (settings, bad) = BuildSettings::read(&Map::from([(key.to_owned(), value.to_owned())]));
        match bad.into_iter().next() {
            None => Ok(settings),
            Some(it) => Err(it.why),
        }
    }

    #[test]
    fn what_an_annotation_says_is_taken_over() {
        let plain = BuildSettings::default;
        for (key, value, want) in [
            (wire::DEADLINE, "90m", BuildSettings { deadline: Duration::from_secs(5400), ..plain() }),
            (
                wire::PENDING_DEADLINE,
                "1h",
                BuildSettings { pending_deadline: Some(Duration::from_secs(3600)), ..plain() },
            ),
            (
                wire::SCHEDULING_DEADLINE,
                "2h",
                BuildSettings { scheduling_deadline: Some(Duration::from_secs(7200)), ..plain() },
            ),
            (
                wire::SUPPORT_DEADLINE,
                "20s",
                BuildSettings { support_deadline: Duration::from_secs(20), ..plain() },
            ),
            (
                wire::INJECTED_DEADLINE,
                "10m",
                BuildSettings { injected_deadline: Duration::from_secs(600), ..plain() },
            ),
            (wire::RECHECK, "1m", BuildSettings { recheck: Duration::from_secs(60), ..plain() }),
            (wire::ADOPT_AFTER, "1m", BuildSettings { adopt_after: Duration::from_secs(60), ..plain() }),
            (
                wire::PIPELINE_PATH,
                "/ci/p.yaml",
                BuildSettings { pipeline_path: "/ci/p.yaml".into(), ..plain() },
            ),
            (wire::MAX_PARALLEL, "3", BuildSettings { max_parallel: 3, ..plain() }),
            (wire::MAX_PER_HOUR, "1000", BuildSettings { max_per_hour: 1000, ..plain() }),
            (
                wire::REVISION_FROM_TAG,
                "-(?P<revision>[0-9a-f]+)$",
                BuildSettings { revision_from_tag: Some("-(?P<revision>[0-9a-f]+)$".into()), ..plain() },
            ),
            (wire::LISTENER_SCHEDULING, "template", BuildSettings { template_scheduling: true, ..plain() }),
            (wire::LISTENER_SECURITY, "omit", BuildSettings { identity: RunAs::Omitted, ..plain() }),
            (
                wire::LISTENER_SECURITY,
                "{runAsUser: 1000, runAsNonRoot: true}",
                BuildSettings {
                    identity: RunAs::Given(
                        serde_json::from_str(r#"{"runAsUser":1000,"runAsNonRoot":true}"#).unwrap(),
                    ),
                    ..plain()
                },
            ),
        ] {
            assert_eq!(read(key, value), Ok(want), "{key}: {value}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        for (key, value, why) in [
            (wire::DEADLINE, "soon", "a duration such as"),
            (wire::SUPPORT_DEADLINE, "0s", "a duration such as"),
            (wire::INJECTED_DEADLINE, "never", "a duration such as"),
            (wire::PIPELINE_PATH, "", "name a file"),
            (wire::PIPELINE_PATH, "ci/", "name a file"),
            (wire::MAX_PARALLEL, "0", "from 1"),
            (wire::MAX_PARALLEL, "many", "from 1"),
            (wire::MAX_PER_HOUR, "0", "from 1 to 1000"),
            (wire::MAX_PER_HOUR, "1001", "from 1 to 1000"),
            (wire::MAX_PER_HOUR, "-1", "from 1 to 1000"),
            (wire::MAX_PER_HOUR, "1h", "from 1 to 1000"),
            (wire::REVISION_FROM_TAG, "(", "unclosed group"),
            (wire::REVISION_FROM_TAG, "-([0-9a-f]+)$", "no group (?P<revision>"),
            (wire::LISTENER_SCHEDULING, "all", "only value is template"),
            (wire::LISTENER_SECURITY, "root", "omit, or a YAML mapping"),
            (wire::LISTENER_SECURITY, "{privileged: true}", "privileged is not among"),
            (wire::LISTENER_SECURITY, "{runAsUser: me}", "runAsUser cannot be \"me\""),
            (wire::LISTENER_SECURITY, "{runAsUser: -1}", "runAsUser cannot be -1"),
            (wire::LISTENER_SECURITY, "{runAsNonRoot: 1}", "runAsNonRoot cannot be 1"),
            (wire::LISTENER_SECURITY, "{supplementalGroups: [a]}", "supplementalGroups cannot be"),
        ] {
            let error = read(key, value).expect_err(value);
            assert!(error.contains(why), "{key}: {value}: {error}");
        }
    }
}
