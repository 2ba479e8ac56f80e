//! What the annotations of a pipeline's Namespace document say of its chain. `start` fixes it, and its flags come first.

use std::time::Duration;

use super::settings::{BadSetting, duration};
use crate::chain::build::Map;
use crate::chain::retention::Rules;
use crate::chain::wire;

/// Domain of kube-janitor's annotations.
pub(super) const JANITOR: &str = "janitor";
/// How long kube-janitor lets an object live, which we count from the end of a build.
const JANITOR_TTL: &str = "janitor/ttl";

/// Every key that a person may write there.
pub(super) const KEYS: [&str; 3] = [wire::OLDER_THAN, wire::KEEP, wire::KEEP_FAILED];

/// Reads them.
pub(super) fn read(annotations: &Map) -> (Rules, Vec<BadSetting>) {
    let mut bad = Vec::new();
    let mut rules = Rules::default();
    let mut read = |key: &'static str, take: &mut dyn FnMut(&str) -> Result<(), String>| {
        if let Some(value) = annotations.get(key)
            && let Err(why) = take(value)
        {
            bad.push(BadSetting { key, value: value.clone(), why });
        }
    };
    read(JANITOR_TTL, &mut |value| janitor_ttl(value).map(|it| rules.older_than = it));
    read(wire::OLDER_THAN, &mut |value| age(value).map(|it| rules.older_than = Some(it)));
    read(wire::KEEP_FAILED, &mut |value| age(value).map(|it| rules.keep_failed = Some(it)));
    read(wire::KEEP, &mut |value| {
        let count = value.parse().map_err(|_| "it must be a whole number, such as \"5\"".to_owned())?;
        rules.keep = Some(count);
        Ok(())
    });
    (rules, bad)
}

/// A duration; `0` too.
fn age(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { duration(text) }
}

/// kube-janitor's: one number with one unit, of which it has weeks, too; or `forever`.
fn janitor_ttl(text: &str) -> Result<Option<Duration>, String> {
    if text == "forever" {
        return Ok(None);
    }
    let weeks = text.strip_suffix('w').and_then(|weeks| weeks.parse::<u64>().ok());
    match weeks {
        Some(weeks) => age(&format!("{}d", weeks.saturating_mul(7))).map(Some),
        None => age(text).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> (Rules, Vec<&'static str>) {
        let map = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (rules, bad) = read(&map);
        (rules, bad.into_iter().map(|bad| bad.key).collect())
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn retention_is_read_from_the_namespace_document() {
        let plain = Rules::default;
        for (pairs, want) in [
            (&[][..], plain()),
            (&[(wire::OLDER_THAN, "7d")], Rules { older_than: Some(7 * DAY), ..plain() }),
            (&[(wire::OLDER_THAN, "0")], Rules { older_than: Some(Duration::ZERO), ..plain() }),
            (&[(wire::KEEP, "0")], Rules { keep: Some(0), ..plain() }),
            (&[(wire::KEEP_FAILED, "1d12h")], Rules { keep_failed: Some(DAY + DAY / 2), ..plain() }),
            (&[(JANITOR_TTL, "2w")], Rules { older_than: Some(14 * DAY), ..plain() }),
            (&[(JANITOR_TTL, "36h")], Rules { older_than: Some(DAY + DAY / 2), ..plain() }),
            (&[(JANITOR_TTL, "forever")], plain()),
            (&[(JANITOR_TTL, "1w"), (wire::OLDER_THAN, "1d")], Rules { older_than: Some(DAY), ..plain() }),
        ] {
            assert_eq!(of(pairs), (want, vec![]), "{pairs:?}");
        }
    }

    #[test]
    fn a_retention_that_cannot_be_read_is_refused_by_its_key() {
        for (key, value) in [
            (wire::OLDER_THAN, "7"),
            (wire::OLDER_THAN, "-1d"),
            (wire::KEEP, "five"),
            (wire::KEEP, "-1"),
            (wire::KEEP_FAILED, ""),
            (JANITOR_TTL, "soon"),
            (JANITOR_TTL, "99999999999999999999w"),
        ] {
            assert_eq!(of(&[(key, value)]).1, [key], "{value}");
        }
    }
}
