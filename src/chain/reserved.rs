//! What a build has kept from others: the requests of its pods, each for as long as its pod had a node, in resource-seconds.

mod pods;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

pub use self::pods::{ReservedFor, ReservingPod, reserved};

/// Resources of one build at most, and letters of a name of one at most: a pushed pipeline decides what pods request.
const NAMES: usize = 12;
const NAME: usize = 64;
/// A resource of which so many seconds were reserved is told in hours.
const IN_HOURS: u128 = 36_000 * 1000;

/// Resource-seconds by name: core-seconds of `cpu`, byte-seconds of `memory`, seconds of each GPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<String, u128>);

/// What a build has reserved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// Until its build container ran.
    pub waiting: Amounts,
    /// From then on, to its verdict.
    pub building: Amounts,
    /// Why that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl Amounts {
    /// Adds thousandths of resource-seconds.
    fn add(&mut self, name: &str, thousandths: u128) {
        let amount = self.0.entry(name.to_owned()).or_default();
        *amount = amount.saturating_add(thousandths);
    }

    fn add_all(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            self.add(name, *amount);
        }
    }

    /// Leaves out what was not reserved for a second, and names beyond what is told; whether any was beyond it.
    fn bound(&mut self) -> bool {
        self.0.retain(|_, amount| *amount > 0);
        let before = self.0.len();
        let mut told = 0;
        self.0.retain(|name, _| {
            told += usize::from(name.len() <= NAME);
            name.len() <= NAME && told <= NAMES
        });
        self.0.len() < before
    }
}

impl Reserved {
    /// What could not be found out.
    pub fn unknown(why: &str) -> Self {
        Self { missing: Some(why.to_owned()), ..Self::default() }
    }

    /// Waiting and building together.
    pub fn total(&self) -> Amounts {
        let mut total = self.waiting.clone();
        total.add_all(&self.building);
        total
    }

    /// What several builds have reserved; none where it is known of none of them.
    pub fn sum<'a>(builds: impl Iterator<Item = Option<&'a Self>>) -> Option<Self> {
        let (mut sum, mut known, mut partly) = (Self::default(), 0, 0);
        for build in builds {
            partly += usize::from(build.is_none_or(|build| build.missing.is_some()));
            if let Some(build) = build {
                known += 1;
                sum.waiting.add_all(&build.waiting);
                sum.building.add_all(&build.building);
            }
        }
        let some = |count: usize| if count == 1 { "1 build".to_owned() } else { format!("{count} builds") };
        sum.missing = (partly > 0).then(|| format!("{} not counted, or not wholly", some(partly)));
        (known > 0).then_some(sum)
    }
}

impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (place, (name, amount)) in self.0.iter().enumerate() {
            let (unit, amount) = match name.as_str() {
                "cpu" => ("core-", *amount),
                _ if is_of_bytes(name) => ("GiB-", amount >> 30),
                _ => ("", *amount),
            };
            let (time, amount) =
                if amount >= IN_HOURS { ("hours", amount / 3600) } else { ("seconds", amount) };
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {} {unit}{time}", Thousandths(amount))?;
        }
        Ok(())
    }
}

fn is_of_bytes(name: &str) -> bool {
    matches!(name, "memory" | "ephemeral-storage" | "storage") || name.starts_with("hugepages-")
}

/// A number as people read it: `1`, `1.5`, `0.001`.
struct Thousandths(u128);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Amounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, amount)| (name, number(*amount))))
    }
}

/// Thousandths as a number of JSON, a whole one where they are one.
fn number(thousandths: u128) -> Number {
    if let (0, Ok(whole)) = (thousandths % 1000, u64::try_from(thousandths / 1000)) {
        return whole.into();
    }
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits are more than anybody reserves")]
    Number::from_f64(thousandths as f64 / 1000.0).unwrap_or(u64::MAX.into())
}

impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: BTreeMap<String, Number> = BTreeMap::deserialize(deserializer)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast stops at both ends"
        )]
        let thousandths = |number: &Number| match number.as_u64() {
            Some(whole) => u128::from(whole) * 1000,
            None => (number.as_f64().unwrap_or_default() * 1000.0).round() as u128,
        };
        Ok(Self(read.iter().map(|(name, number)| (name.clone(), thousandths(number))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn amounts(of: &[(&str, u128)]) -> Amounts {
        Amounts(of.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect())
    }

    #[test]
    fn amounts_are_numbers_for_programs_and_are_read_back() {
        let of = Reserved {
            waiting: amounts(&[("cpu", 1)]),
            building: amounts(&[
                ("cpu", 12_345),
                ("memory", (64 << 30) * 86_400 * 1000),
                ("nvidia.com/gpu", 40_000),
            ]),
            missing: Some("so".to_owned()),
        };
        let told = json!(of);
        assert_eq!(
            told,
            json!({
                "waiting": { "cpu": 0.001 },
                "building": { "cpu": 12.345, "memory": 5_937_362_789_990_400_u64, "nvidia.com/gpu": 40 },
                "missing": "so",
            })
        );
        assert_eq!(serde_json::from_str::<Reserved>(&told.to_string()).unwrap(), of);
        assert_eq!(json!(Reserved::default()), json!({ "waiting": {}, "building": {} }));
    }

    #[test]
    fn whatever_number_stands_there_reading_and_adding_come_to_an_end() {
        let most = amounts(&[("cpu", u128::MAX), ("memory", u128::MAX / 1000 * 1000)]);
        let read: Amounts = serde_json::from_value(json!(most)).unwrap();
        let (mut sum, total) =
            (read.clone(), Reserved { waiting: most.clone(), building: most.clone(), missing: None });
        sum.add_all(&most);
        assert_eq!(sum.0["cpu"], u128::MAX);
        assert_eq!(total.total().0["memory"], u128::MAX);
        for (text, cpu) in [
            ("-1", 0),
            ("1e300", u128::MAX),
            ("-1e300", 0),
            ("0.0004", 0),
            ("18446744073709551615", u128::from(u64::MAX) * 1000),
        ] {
            let read: Amounts = serde_json::from_str(&format!("{{\"cpu\":{text}}}")).unwrap();
            assert_eq!(read.0["cpu"], cpu, "{text}");
        }
        assert!(serde_json::from_str::<Amounts>("{\"cpu\":\"1\"}").is_err());
    }

    #[test]
    fn people_read_cores_gibibytes_and_hours() {
        for (of, text) in [
            (amounts(&[]), "nothing"),
            (
                amounts(&[("cpu", 1_500), ("memory", 40_000 << 30), ("nvidia.com/gpu", 40_000)]),
                "cpu 1.5 core-seconds, memory 40 GiB-seconds, nvidia.com/gpu 40 seconds",
            ),
            (
                amounts(&[("cpu", 35_999_999), ("hugepages-2Mi", 512 << 20), ("x.example/fpga", 36_000_000)]),
                "cpu 35999.999 core-seconds, hugepages-2Mi 0 GiB-seconds, x.example/fpga 10 hours",
            ),
            (amounts(&[("ephemeral-storage", (45_000_000 << 30) + 5)]), "ephemeral-storage 12.5 GiB-hours"),
        ] {
            assert_eq!(of.to_string(), text);
        }
    }

    #[test]
    fn builds_are_summed_and_those_of_which_it_is_not_known_are_said() {
        let one = |gpu: u128, missing: Option<&str>| Reserved {
            waiting: amounts(&[("nvidia.com/gpu", gpu)]),
            building: amounts(&[("cpu", 5)]),
            missing: missing.map(str::to_owned),
        };
        let (whole, part) = (one(7, None), one(1, Some("so")));
        let sum = |builds: &[Option<&Reserved>]| Reserved::sum(builds.iter().copied());
        assert_eq!(sum(&[]), None);
        assert_eq!(sum(&[None, None]), None);
        let all = sum(&[Some(&whole), None, Some(&part), Some(&whole)]).unwrap();
        assert_eq!(all.waiting, amounts(&[("nvidia.com/gpu", 15)]));
        assert_eq!(all.building, amounts(&[("cpu", 15)]));
        assert_eq!(all.missing.as_deref(), Some("2 builds not counted, or not wholly"));
        assert_eq!(sum(&[Some(&whole)]).unwrap().missing, None);
        assert_eq!(whole.total(), amounts(&[("cpu", 5), ("nvidia.com/gpu", 7)]));
    }
}
