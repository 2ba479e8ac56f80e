//! The table, held against what reads it.

use super::super::kinds::COVERED;
use super::*;

#[test]
fn the_table_knows_every_kind_that_a_pipeline_may_hold() {
    for kind in COVERED {
        assert!(type_of(&format!("{}:{}", kind.api_version(), kind.kind)).is_some(), "{}", kind.kind);
    }
    assert!(TYPES.is_sorted(), "types are looked up by halves");
}

#[test]
fn every_word_of_the_table_is_a_type_or_a_scalar_that_is_checked() {
    for (name, groups) in TYPES.iter().filter(|(_, groups)| !groups.is_empty()) {
        for group in groups.split("; ") {
            let (takes, fields) = group.split_once(' ').unwrap();
            for field in fields.split(' ') {
                let of = takes.trim_start_matches("[]").trim_start_matches("{}");
                let scalar =
                    matches!(FieldShape::of(if of == "*" { field } else { of }, field), FieldShape::Scalar);
                assert!(!scalar || !fits(of, &Value::Null), "{name}: {field} takes {of}");
            }
        }
    }
}
