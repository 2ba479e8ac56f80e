//! What the annotations of a pipeline's Namespace document say of its chain. `start` fixes it, and its flags come first.

use std::time::Duration;

use super::settings::{BadSetting, duration};
use crate::chain::build::Map;
use crate::chain::link::LinkTemplate;
use crate::chain::publishing::{PublishAsked, WebhookTemplate};
use crate::chain::repository::GithubRepository;
use crate::chain::retention::Rules;
use crate::chain::{kept_log, wire};

/// Domain of kube-janitor's annotations.
pub(super) const JANITOR: &str = "janitor";
/// How long kube-janitor lets an object live, which we count from the end of a build.
const JANITOR_TTL: &str = "janitor/ttl";

/// Every key that a person may write there.
pub(super) const KEYS: [&str; 10] = [
    wire::OLDER_THAN,
    wire::KEEP,
    wire::KEEP_FAILED,
    wire::KEEP_LOG,
    wire::SUPERSEDE,
    wire::GITHUB,
    wire::GITHUB_URL,
    wire::LINK,
    wire::WEBHOOK,
    wire::WEBHOOK_TEMPLATE,
];

/// What they say.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ChainAnnotations {
    /// Which builds the chain disposes of.
    pub(super) retention: Rules,
    /// So many bytes of a build's log are kept.
    pub(super) keep_log: Option<usize>,
    /// Whether a newer push cancels older builds.
    pub(super) supersede: bool,
    /// Who is told of them.
    pub(super) publish: PublishAsked,
}

/// Reads them.
pub(super) fn read(annotations: &Map) -> (ChainAnnotations, Vec<BadSetting>) {
    let mut bad = Vec::new();
    let ChainAnnotations { retention: mut rules, mut keep_log, mut supersede, mut publish } =
        ChainAnnotations::default();
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
    read(wire::KEEP_LOG, &mut |value| kept_log::size(value).map(|bytes| keep_log = Some(bytes)));
    read(wire::SUPERSEDE, &mut |value| {
        supersede = value.parse().map_err(|_| "it must be \"true\" or \"false\"".to_owned())?;
        Ok(())
    });
    read(wire::GITHUB, &mut |value| {
        let named = if value.is_empty() { Ok(()) } else { GithubRepository::parse(value).map(drop) };
        named.map(|()| publish.github = Some(value.to_owned())).map_err(|why| why.to_string())
    });
    read(wire::LINK, &mut |value| {
        let link = LinkTemplate::parse(value).map_err(|why| why.to_string());
        link.map(|_| publish.link = Some(value.to_owned()))
    });
    // addresses are read by whoever connects to them
    publish.github_url = annotations.get(wire::GITHUB_URL).cloned();
    publish.webhook = annotations.get(wire::WEBHOOK).cloned();
    // and a template is tried by whoever knows the chain
    publish.webhook_template = annotations
        .get(wire::WEBHOOK_TEMPLATE)
        .map(|text| WebhookTemplate { name: wire::WEBHOOK_TEMPLATE.to_owned(), text: text.clone() });
    (ChainAnnotations { retention: rules, keep_log, supersede, publish }, bad)
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

    fn all_of(pairs: &[(&str, &str)]) -> (ChainAnnotations, Vec<&'static str>) {
        let map = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (said, bad) = read(&map);
        (said, bad.into_iter().map(|bad| bad.key).collect())
    }

    fn of(pairs: &[(&str, &str)]) -> (Rules, Vec<&'static str>) {
        let (said, bad) = all_of(pairs);
        (said.retention, bad)
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
    fn how_much_of_a_log_is_kept_is_a_size_or_none_at_all() {
        for (value, want) in [("64Ki", Some(65_536)), ("0", Some(0)), ("512Ki", Some(524_288))] {
            let (said, bad) = all_of(&[(wire::KEEP_LOG, value)]);
            assert_eq!((said.keep_log, bad), (want, vec![]), "{value}");
        }
        assert_eq!(all_of(&[]).0.keep_log, None);
        for value in ["", "all", "-1", "1Mi", "256 KiB"] {
            let (said, bad) = all_of(&[(wire::KEEP_LOG, value)]);
            assert_eq!((said.keep_log, bad), (None, vec![wire::KEEP_LOG]), "{value}");
        }
    }

    #[test]
    fn whether_a_newer_push_cancels_older_builds_is_a_word_for_yes_or_no() {
        for (value, want) in [("true", true), ("false", false)] {
            let (said, bad) = all_of(&[(wire::SUPERSEDE, value)]);
            assert_eq!((said.supersede, bad), (want, vec![]), "{value}");
        }
        assert!(!all_of(&[]).0.supersede);
        for value in ["", "yes", "1", "True", "newest"] {
            let (said, bad) = all_of(&[(wire::SUPERSEDE, value)]);
            assert_eq!((said.supersede, bad), (false, vec![wire::SUPERSEDE]), "{value}");
        }
    }

    #[test]
    fn who_is_told_and_by_which_template_is_read_as_it_stands() {
        let template = "{\"text\": {{ build.summary | json_encode }}}";
        let (said, bad) =
            all_of(&[(wire::WEBHOOK, "https://hooks.example/x"), (wire::WEBHOOK_TEMPLATE, template)]);
        assert_eq!((said.publish.webhook.as_deref(), bad), (Some("https://hooks.example/x"), vec![]));
        let read = said.publish.webhook_template.unwrap();
        assert_eq!((read.name.as_str(), read.text.as_str()), ("studioci.dev/webhook-template", template));
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
            (wire::GITHUB, "repo"),
            (wire::GITHUB, "https://github.com/o/r"),
            (wire::LINK, "ci.example/{namespace}"),
            (wire::LINK, "https://ci.example/{branch}"),
        ] {
            assert_eq!(of(&[(key, value)]).1, [key], "{value}");
        }
    }
}
