//! `--wait` and `--timeout` of a verb that asks for something, and may wait until it is done.

use std::time::Duration;

use clap::Args;
use clap::builder::ArgPredicate;

use super::duration;

/// Whether it is waited for, and how long. What is waited for, each verb's help says itself.
#[derive(Debug, Clone, Copy, Args)]
pub struct WaitArgs {
    /// Wait until it is done
    #[arg(
        id = "wait",
        long = "wait",
        value_name = "true|false",
        default_value = "false",
        default_missing_value = "true",
        default_value_if("timeout", ArgPredicate::IsPresent, "true"),
        num_args = 0..=1,
        require_equals = true
    )]
    pub asked: bool,
    /// How long to wait before giving up with exit code 4 (default: no limit); implies --wait
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
}

impl WaitArgs {
    /// What is to be said where a time is given, and nothing is waited for.
    ///
    /// `kubectl delete` takes both and says nothing. So this is no error, for scripts that say `--wait=$WAIT --timeout=5m`; but
    /// whoever counts on the time is told that none is kept.
    pub(super) fn contradiction(self) -> Option<&'static str> {
        let unused = !self.asked && self.timeout.is_some();
        unused.then_some("--timeout is not used: --wait=false waits for nothing")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn whoever_says_how_long_wants_to_wait_unless_they_say_that_they_do_not() {
        let minute = Some(Duration::from_secs(60));
        for verb in ["cancel x", "cleanup x", "scale up x", "trigger x", "retry x"] {
            for (flags, expected) in [
                ("", (false, None)),
                ("--wait", (true, None)),
                ("--wait=true", (true, None)),
                ("--timeout 1m", (true, minute)),
                ("--wait --timeout 1m", (true, minute)),
                ("--wait=false --timeout 1m", (false, minute)),
            ] {
                let line = format!("x {verb} {flags}");
                let matches = super::super::command().get_matches_from(line.split_whitespace());
                let (_, verb) = matches.subcommand().expect("a verb");
                let asked = *verb.get_one::<bool>("wait").expect("it has a default");
                assert_eq!((asked, verb.get_one::<Duration>("timeout").copied()), expected, "{line}");
            }
        }
    }
}
