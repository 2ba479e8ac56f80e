//! Which objects a list's selectors select.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A selector as it is meant: `%3D` is `=`.
pub(crate) fn unescaped(selector: &str) -> String {
    percent_decode_str(selector).decode_utf8().unwrap().into_owned()
}

/// Whether a label selector selects this object. Of its forms those that are used: `key`, `key=value`, `key!=value`,
/// `key in (a,b)`.
pub(crate) fn by_labels(selector: &str, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    requirements(selector).into_iter().all(|requirement| match requirement.split_once(" in (") {
        Some((key, values)) => values.trim_end_matches(')').split(',').any(|value| labels[key] == value),
        None => match requirement.split_once('=') {
            Some((key, value)) => match key.strip_suffix('!') {
                Some(key) => labels[key] != value,
                None => labels[key] == value,
            },
            None => !labels[requirement].is_null(),
        },
    })
}

/// Whether a field selector selects this object. Unlike a server it knows every field, by `path.to.field=value` or `!=`.
pub(crate) fn by_fields(selector: &str, object: &Value) -> bool {
    requirements(selector).into_iter().all(|requirement| {
        let (field, value) = requirement.split_once('=').unwrap();
        let (field, other) = field.strip_suffix('!').map_or((field, false), |field| (field, true));
        let found = object.pointer(&format!("/{}", field.replace('.', "/")));
        found.is_some_and(|found| found == value) != other
    })
}

/// The requirements of a selector: parted by commas, but for those in parentheses.
fn requirements(selector: &str) -> Vec<&str> {
    let mut inside = false;
    let comma = move |c: char| {
        inside = (inside || c == '(') && c != ')';
        c == ',' && !inside
    };
    selector.split(comma).filter(|requirement| !requirement.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_selected_by_their_keys_values_and_sets_of_values() {
        let object = json!({ "metadata": { "labels": { "app": "a", "studio/role": "x", "empty": "" } } });
        for (selector, selected) in [
            ("", true),
            ("app", true),
            ("empty", true),
            ("none", false),
            ("app=a", true),
            ("app=", false),
            ("empty=", true),
            ("app=b", false),
            ("app!=b", true),
            ("app!=a", false),
            ("none!=a", true),
            ("app in (b,a)", true),
            ("app in (b,c)", false),
            ("app in (aa)", false),
            ("app in (b,a),studio/role=x", true),
            ("app in (a,b),none", false),
            ("studio/role=x,app=b", false),
        ] {
            assert_eq!(by_labels(selector, &object), selected, "{selector}");
        }
        assert!(!by_labels("app", &json!({ "metadata": { "name": "a" } })));
    }

    #[test]
    fn fields_are_selected_by_their_paths() {
        let event = json!({ "metadata": { "name": "e" }, "involvedObject": { "kind": "Pod", "uid": "u" } });
        for (selector, selected) in [
            ("", true),
            ("metadata.name=e", true),
            ("metadata.name=f", false),
            ("involvedObject.kind=Pod,involvedObject.uid=u", true),
            ("involvedObject.kind=Pod,involvedObject.uid=v", false),
            ("spec.nodeName=n", false),
            ("metadata.name!=e", false),
            ("metadata.name!=f,spec.nodeName!=n", true),
        ] {
            assert_eq!(by_fields(selector, &event), selected, "{selector}");
        }
    }

    #[test]
    fn what_a_url_escapes_is_meant_as_it_was_before() {
        assert_eq!(unescaped("app%20in%20%28a%2Cb%29"), "app in (a,b)");
        assert_eq!(unescaped("a%3db"), "a=b");
        assert_eq!(unescaped("%zz%4"), "%zz%4");
    }
}
