//! Names as parts of a JSON pointer (RFC 6901): keys of labels and annotations have slashes.

/// A name as a part of a pointer.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The names that a pointer is made of.
pub fn names(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_as_they_went_in() {
        for path in [vec![], vec!["a"], vec!["keel.sh/policy", "~1", "~", "/", ""], vec!["~01", "0"]] {
            let pointer = path.iter().fold(String::new(), |above, name| format!("{above}/{}", escaped(name)));
            assert_eq!(names(&pointer).collect::<Vec<_>>(), path, "{pointer}");
            let mut value = serde_json::json!(1);
            for name in path.iter().rev() {
                value = serde_json::json!({ *name: value });
            }
            assert_eq!(value.pointer(&pointer), Some(&serde_json::json!(1)), "{pointer}");
        }
    }
}
