//! Who runs the command.

use std::env;
use std::process::Command;

use rustix::process;
use serde_json::Value;

use super::{Found, line};

/// `user.id`, `user.name` and `user.group_id`, as far as they are wanted.
///
/// The name is asked of `id`: a static program that looks it up itself has the C library load what `nsswitch.conf` names.
#[expect(clippy::disallowed_methods, reason = "the person's name, where no command tells it")]
pub fn facts(wanted: impl Fn(&str) -> bool) -> Found {
    let name = || {
        line(Command::new("id").arg("-un")).or_else(|why| {
            ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env::var(name).ok()).ok_or(why)
        })
    };
    let name = if wanted("name") { name() } else { Err("nobody asked for it".to_owned()) };
    let (id, group) = (process::geteuid().as_raw(), process::getegid().as_raw());
    [("id", Ok(id.to_string())), ("name", name), ("group_id", Ok(group.to_string()))]
        .into_iter()
        .map(|(key, found)| (key.to_owned(), found.map(Value::from)))
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers() {
        let facts = facts(|_| true);
        for key in ["id", "group_id"] {
            let text = facts[key].as_ref().unwrap().as_str().unwrap();
            assert!(text.parse::<u32>().is_ok(), "{text}");
        }
        assert!(facts.contains_key("name"));
    }
}
