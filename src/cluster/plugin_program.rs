//! Which program a credential plugin's command is: found as Go finds it, so that what runs is what was judged.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The file that a command means: itself where it has a slash, else the first of `folders`, those of `PATH`, that has such a
/// program. None where there is no such file that may be run; a folder that is no absolute path is passed over.
pub(super) fn find(command: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let runs = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|there| there.is_file() && there.permissions().mode() & 0o111 != 0)
    };
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|path| runs(path));
    }
    let places = folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(command));
    places.into_iter().find(|path| runs(path))
}

/// A command without what leads nowhere (`.`, `..`, a slash too many), and from the root on if it is a path.
pub(super) fn whole(command: &str) -> String {
    if !command.contains('/') {
        return command.to_owned();
    }
    let absolute = std::path::absolute(command).ok();
    // cleaned by itself `./x` would be a name, which is looked for elsewhere
    absolute.as_deref().and_then(Path::to_str).map_or_else(|| command.to_owned(), clean)
}

/// As Go's `filepath.Clean`.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cleaned_as_go_cleans_it() {
        for (path, cleaned) in [
            ("aws", "aws"),
            ("/usr//bin/./aws", "/usr/bin/aws"),
            ("/home/p/.kube/../bin/aws", "/home/p/bin/aws"),
            ("/../aws/", "/aws"),
            ("./aws", "aws"),
            ("../../aws", "../../aws"),
            ("a/../..", ".."),
            ("a/..", "."),
            ("", "."),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn a_command_with_a_slash_is_a_path_whatever_is_left_of_it() {
        let here = std::path::absolute("x").unwrap();
        assert_eq!(Path::new(&whole("./x")), here);
        assert_eq!(Path::new(&whole("a/../x")), here);
        assert_eq!(whole("/a/b/../x"), "/a/x");
        assert_eq!(whole("x"), "x");
    }

    #[test]
    fn a_program_is_the_first_of_path_that_may_be_run() {
        let home = std::env::temp_dir().join(format!("studioci-path-{}", uuid::Uuid::new_v4()));
        let folders = ["a", "b", "c"].map(|name| home.join(name));
        for (folder, mode) in folders.iter().zip([0o644, 0o755, 0o755]) {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("login"), "").unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.join("login"), mode).unwrap();
        }
        std::fs::create_dir(folders[0].join("folder")).unwrap();
        assert_eq!(find("login", &folders), Some(folders[1].join("login")));
        assert_eq!(find("folder", &folders), None);
        assert_eq!(find("none", &folders), None);
        assert_eq!(find("login", &[PathBuf::from("."), PathBuf::from("src")]), None);
        let path = folders[2].join("login").display().to_string();
        assert_eq!(find(&path, &folders), Some(folders[2].join("login")));
        assert_eq!(find(&folders[0].join("login").display().to_string(), &folders), None);
        std::fs::remove_dir_all(home).unwrap();
    }
}
