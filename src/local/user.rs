//! Who runs the command.

use std::env;
use std::process::Command;

use serde_json::Value;

use super::{Found, line};

/// `user.id`, `user.name` and `user.group_id`.
#[expect(clippy::disallowed_methods, reason = "the person's name, where no command tells it")]
pub fn facts() -> Found {
    let id = |flag: &str| line(Command::new("id").arg(flag));
    let name = id("-un").or_else(|why| {
        ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env::var(name).ok()).ok_or(why)
    });
    [("id", id("-u")), ("name", name), ("group_id", id("-g"))]
        .into_iter()
        .map(|(key, found)| (key.to_owned(), found.map(Value::from)))
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers() {
        let facts = facts();
        for key in ["id", "group_id"] {
            let text = facts[key].as_ref().unwrap().as_str().unwrap();
            assert!(text.parse::<u32>().is_ok(), "{text}");
        }
        assert!(facts.contains_key("name"));
    }
}
