//! What `start` says of a chain's retention.

use jiff::Timestamp;

use crate::chain::retention::{self, ChainsInHome, Fate, Rules};
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::state::Say;
use crate::state::build::view;
use crate::state::narration::{progress, warn};

/// What becomes of the builds of a chain that begins.
pub(super) fn tell(rules: Rules, say: Say<'_>) {
    if !rules.let_go() {
        progress(
            say,
            "builds stay until kubectl studioci cleanup disposes of them; with --older-than or --keep the chain does that \
             by itself",
        );
    }
}

/// How many builds new rules let go at once. `rules`: before and now.
pub(super) fn warn_of_what_goes(
    namespaces: &[NamespaceObject],
    home: &ChainsInHome,
    (before, rules): (Rules, Rules),
    now: Timestamp,
    say: Say<'_>,
) {
    if rules == before || !rules.let_go() {
        return;
    }
    let views: Vec<_> = namespaces.iter().map(view).collect();
    let goes = |rules| {
        let fates = retention::judge(&views, home, rules, now);
        fates.into_iter().filter(|fate| *fate == Fate::Dispose).count()
    };
    let (all, go) = (goes(Rules::default()), goes(rules));
    if go > 0 {
        let hold = wire::HOLD;
        warn(
            say,
            format!(
                "by this retention {go} of {all} finished builds go at once: the chain's agents dispose of them within \
                 minutes (kubectl annotate namespace NAME {hold}=WHY keeps one)"
            ),
        );
    }
}
