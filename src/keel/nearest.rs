//! What was probably meant by a name that nobody knows.

/// The known name that is nearest to a mistyped one, if any is near enough to be meant: of a name so short that one other
/// letter makes it another name, none is.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    let bound = if length < 2 { return None } else { length / 3 };
    known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name() {
        for (name, known, expected) in [
            ("Registri", vec!["Registry", "Image"], Some("Registry")),
            ("registry", vec!["Registry"], Some("Registry")),
            ("imgae", vec!["Image", "Registry"], Some("Image")),
            ("brnch", vec!["branch", "hash"], Some("branch")),
            ("zebra", vec!["branch", "hash"], None),
            ("a", vec!["b"], None),
            ("b", vec!["B"], None),
            ("é", vec!["è"], None),
            ("ab", vec!["ac", "a", "abc"], None),
            ("id", vec!["ID"], Some("ID")),
            ("abc", vec!["abd"], Some("abd")),
            ("cpu", vec!["c"], None),
            ("same", vec!["same"], None),
            ("anything", vec![], None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
