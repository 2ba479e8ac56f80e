//! The shape of the project, held against its sources: who may import whom, which room owns which crate, and how much
//! is linked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who may import whom. `None` is everybody.
const ROOMS: &[(&str, Option<&[&str]>)] = &[
    ("keel", Some(&[])),
    ("chain", Some(&["keel"])),
    ("pipeline", Some(&["keel", "chain"])),
    ("agent", Some(&["keel", "chain"])),
    ("doctor", Some(&["keel", "chain"])),
    ("local", Some(&["keel", "chain", "pipeline"])),
    // What a kubeconfig names lies on the machine, and how a file is read there is decided once.
    ("cluster", Some(&["keel", "chain", "pipeline", "local"])),
    // The connector is the cluster's: TLS, proxies and bounds of a way out are decided once.
    ("publish", Some(&["chain", "cluster"])),
    ("state", Some(&["keel", "chain", "pipeline", "local", "cluster", "publish"])),
    ("runner", Some(&["keel", "chain", "pipeline", "agent", "local", "cluster", "publish", "state"])),
    ("ops", Some(&["keel", "chain", "pipeline", "agent", "doctor", "local", "cluster", "publish", "state"])),
    // What is shown of state is its types: what is told, and whether it was done.
    ("output", Some(&["keel", "chain", "pipeline", "agent", "doctor", "cluster", "state"])),
    ("cli", None),
    ("main", None),
    ("lib", None),
];

/// Rooms that a crate belongs to. A crate that is missing here fails the test, so that each gets its place.
const CRATES: &[(&str, &[&str])] = &[
    // Everybody's.
    ("jiff", &["*"]),
    ("serde", &["*"]),
    ("serde_json", &["*"]),
    ("thiserror", &["*"]),
    // One room's.
    ("clap", &["cli"]),
    ("dirs", &["cli"]),
    ("comfy_table", &["output"]),
    ("unicode_width", &["output"]),
    ("tera", &["pipeline"]),
    // Documents; and a kubeconfig and what a credential plugin says, which are YAML as kubectl reads it.
    ("serde_saphyr", &["pipeline", "cluster"]),
    ("strsim", &["keel"]),
    ("serde_yaml", &["pipeline"]),
    ("kube", &["cluster"]),
    ("k8s_openapi", &["cluster"]),
    // A child bounds itself.
    ("rustix", &["local"]),
    ("base64", &["chain"]),
    // A kept log: packed, and searched for what it must not hold; and a bundle.
    ("flate2", &["chain", "doctor"]),
    ("memchr", &["chain", "cluster"]),
    ("bytes", &["cluster", "publish"]),
    ("pem", &["cluster"]),
    ("secrecy", &["cluster", "publish"]),
    ("http", &["cluster", "publish"]),
    ("http_body_util", &["cluster", "publish"]),
    ("hyper", &["cluster"]),
    ("hyper_rustls", &["cluster"]),
    ("hyper_util", &["cluster"]),
    // A webhook's signature.
    ("ring", &["publish"]),
    ("rustls", &["cluster"]),
    ("webpki", &["cluster"]),
    ("webpki_roots", &["cluster"]),
    ("tower", &["cluster"]),
    ("tower_http", &["cluster"]),
    // The cluster's deadlines and the operations' order are both tokio's; `cli/process.rs` builds the runtime.
    ("tokio", &["ops", "runner", "state", "cluster", "publish", "cli"]),
    ("futures_util", &["ops", "runner", "state", "cluster"]),
    // Pure: rules are regular expressions, proofs of ownership are uuids.
    ("regex", &["keel", "chain", "pipeline"]),
    ("uuid", &["chain", "pipeline", "state", "ops"]),
];

/// Rooms that take `now` as a parameter and touch no environment, file, network or console.
const PURE: &[&str] = &["keel", "chain", "pipeline", "agent", "doctor"];

/// What a pure room must not even name.
const IMPURE: &[&str] = &["std::env", "std::fs", "std::net", "std::process", "std::io::std", "::now()"];

struct Source {
    /// Relative to `src`.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The code without its tests, which may use whatever proves their point.
    fn product(&self) -> String {
        if self.path.ends_with("tests.rs") {
            return String::new();
        }
        let code = self.code();
        let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
        code[..end].to_owned()
    }

    /// The code, without comments, and without the contents of strings (which may talk of anything).
    fn code(&self) -> String {
        bare(&self.text)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn under(directory: &str) -> Vec<Source> {
    let directory = root().join(directory);
    let mut found = Vec::new();
    files(&directory, &mut found);
    found.sort();
    let relative = |path: &Path| path.strip_prefix(&directory).unwrap().to_str().unwrap().replace('\\', "/");
    found
        .iter()
        .map(|path| Source { path: relative(path), text: std::fs::read_to_string(path).unwrap() })
        .collect()
}

/// Rust without comments and without what stands in string literals.
fn bare(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|after| after.bytes().take_while(|byte| *byte == b'#').count());
        let follows_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = &rest[rest.find("*/").map_or(rest.len(), |end| end + 2)..];
        } else if let Some(hashes) = raw.filter(|n| !follows_word && rest[1 + n..].starts_with('"')) {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &rest[hashes + 2..];
            rest = &body[body.find(&end).map_or(body.len(), |at| at + end.len())..];
            code.push_str("\"\"");
        } else if c == '"' {
            let mut escaped = false;
            let length = rest[1..].find(|c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            rest = &rest[length.map_or(rest.len(), |length| length + 2)..];
            code.push_str("\"\"");
        } else if let Some(length) = character(rest) {
            rest = &rest[length..];
            code.push_str("' '");
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// The length of a character literal; none for a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return inner[2..].find('\'').map(|end| end + 4);
    }
    let c = inner.chars().next()?;
    inner[c.len_utf8()..].starts_with('\'').then(|| c.len_utf8() + 2)
}

/// Every path that begins with `prefix`, as the word behind it; `{a, b::c}` gives both.
fn heads(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut heads = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => heads.extend(group_heads(group)),
            None => heads.extend(word(rest)),
        }
    }
    heads
}

fn word(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first word of each part of a use group, the opening brace already taken.
fn group_heads(group: &str) -> BTreeSet<String> {
    let (mut depth, mut start, mut heads) = (0, 0, BTreeSet::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                heads.extend(word(&group[start..at]));
                if c == '}' {
                    break;
                }
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads
}

/// Rooms that a file names: by `crate::room`, by `studioci::room`, and by as many `super::` as leave its room.
fn rooms_named(source: &Source) -> BTreeSet<String> {
    let code = source.code();
    let mut named = heads(&code, "crate::");
    named.extend(heads(&code, "studioci::"));
    // src/room/mod.rs is one module below the crate, src/room/file.rs two; its test module one more.
    let parts = source.path.strip_suffix(".rs").unwrap().split('/').filter(|part| *part != "mod").count();
    named.extend(heads(&code, &"super::".repeat(parts)));
    named
}

#[test]
fn rooms_import_only_whom_they_may() {
    let rooms: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut faults = Vec::new();
    for source in under("src") {
        let room = source.room();
        let Some(allowed) = rooms.get(room) else {
            faults.push(format!("src/{}: {room} is no room; give it its place in the table", source.path));
            continue;
        };
        for named in rooms_named(&source) {
            let known = rooms.contains_key(named.as_str()) && named != room;
            if known && allowed.is_some_and(|allowed| !allowed.contains(&named.as_str())) {
                faults.push(format!("src/{}: {room} may not import {named}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The paths that a piece of code names behind `crate::`, `super::` or `self::`, groups spelled out, from the crate's root on.
/// `module`: the path of the module that the code stands in.
fn paths_named(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut named = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut rest = &code[at..];
            let mut base = module.to_vec();
            if let Some(behind) = rest.strip_prefix("crate::") {
                (rest, base) = (behind, Vec::new());
            }
            while let Some(behind) = rest.strip_prefix("super::") {
                base.pop();
                rest = behind;
            }
            expand(rest.strip_prefix("self::").unwrap_or(rest), &base, &mut named);
        }
    }
    named
}

/// Adds the paths of one use tree (`a::{b, c::d}`) below `base`.
fn expand(tree: &str, base: &[String], into: &mut Vec<Vec<String>>) {
    let Some(group) = tree.strip_prefix('{') else {
        let Some(word) = word(tree) else { return into.push(base.to_vec()) };
        let path = [base, std::slice::from_ref(&word)].concat();
        return match tree.trim_start()[word.len()..].strip_prefix("::") {
            Some(rest) => expand(rest, &path, into),
            None => into.push(path),
        };
    };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                expand(group[start..at].trim_start(), base, into);
                start = at + 1;
                if c == '}' {
                    return;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// Which file imports which, by module path. A module and its own submodules count as one.
fn imports(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let module = |source: &Source| {
        let path = source.path.strip_suffix(".rs").unwrap();
        path.strip_suffix("/mod").unwrap_or(path).to_owned()
    };
    let modules: BTreeSet<String> = sources.iter().map(module).collect();
    let inside = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
    let mut edges = BTreeMap::new();
    for source in sources {
        let own = module(source);
        let parts: Vec<String> = own.split('/').map(str::to_owned).collect();
        let named = paths_named(&source.product(), &parts);
        let files = named.iter().filter_map(|path| {
            (1..=path.len()).rev().map(|n| path[..n].join("/")).find(|path| modules.contains(path))
        });
        let others = files.filter(|other| !inside(other, &own) && !inside(&own, other));
        edges.insert(own.clone(), others.collect());
    }
    edges
}

/// A way from `from` back to itself; none where there is none.
fn circle<'a>(from: &'a str, edges: &'a BTreeMap<String, BTreeSet<String>>) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in edges.get(*way.last().unwrap()).into_iter().flatten() {
            if next == from {
                return Some([way.as_slice(), &[from]].concat());
            }
            if seen.insert(next) {
                ways.push([way.as_slice(), &[next.as_str()]].concat());
            }
        }
    }
    None
}

#[test]
fn files_import_each_other_in_no_circle() {
    let edges = imports(&under("src"));
    let circles: Vec<String> =
        edges.keys().filter_map(|file| Some(circle(file, &edges)?.join(" → "))).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_of_files_is_found() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        source("a/mod.rs", "pub mod b; pub mod c;"),
        source("a/b.rs", "use super::{c::{X, Y}, d};"),
        source("a/c.rs", "fn f() { crate::a::d::g() }"),
        source("a/d.rs", "use super::b;"),
    ];
    let edges = imports(&sources);
    assert_eq!(circle("a/c", &edges).unwrap(), ["a/c", "a/d", "a/b", "a/c"]);
    assert_eq!(circle("a", &edges), None);
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut faults = Vec::new();
    for source in under("src") {
        let code = source.product();
        for (name, rooms) in CRATES {
            let at_home = rooms.contains(&"*") || rooms.contains(&source.room());
            if at_home {
                continue;
            }
            let used = code
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if used {
                faults.push(format!("src/{}: {name} belongs to {}", source.path, rooms.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_dependency_has_its_rooms() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, section) = manifest.split_once("\n[dependencies]\n").unwrap();
    let named: BTreeSet<String> = section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_")))
        .collect();
    let placed: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, placed, "Cargo.toml's [dependencies] against CRATES");
}

#[test]
fn pure_rooms_touch_nothing() {
    let mut faults = Vec::new();
    for source in under("src").iter().filter(|source| PURE.contains(&source.room())) {
        let code = source.code();
        for word in IMPURE.iter().filter(|word| code.contains(**word)) {
            faults.push(format!("src/{}: {word} has no place in a pure room", source.path));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_leaves_nothing_open() {
    // Spelled so that this file does not find itself.
    let open = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX:"].concat(), ["dbg", "!("].concat()];
    let mut faults = Vec::new();
    for directory in ["src", "testkit", "tests", "xtask"] {
        for source in under(directory) {
            let place = format!("{directory}/{}", source.path);
            if !source.text.starts_with("//!") {
                faults.push(format!("{place}: begins without //!"));
            }
            faults.extend(
                open.iter().filter(|word| source.text.contains(*word)).map(|w| format!("{place}: {w}")),
            );
            let code = source.code();
            if code.contains("#[ignore]") {
                faults.push(format!("{place}: #[ignore] without a reason"));
            }
            if directory == "src" && source.path.ends_with("utils.rs") {
                faults.push(format!("{place}: named by nothing that it is for"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Lines of a file at most, and of a function of the product.
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 80;

/// The word behind one of these at the beginning of an item, visibility left out.
fn item<'a>(line: &'a str, kinds: &[&str]) -> Option<&'a str> {
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let first = words.find(|word| !["pub", "crate", "super", "const", "async", "unsafe"].contains(word))?;
    kinds.contains(&first).then(|| words.next()).flatten()
}

#[test]
fn files_and_functions_stay_short() {
    let mut faults = Vec::new();
    let of_product = |source: &&Source| !source.path.ends_with("tests.rs") && !source.path.contains("tests/");
    for source in under("src").iter().filter(of_product) {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > FILE_LINES {
            faults.push(format!("src/{}: {} lines", source.path, lines.len()));
        }
        let product = source.product().lines().count();
        for (at, line) in lines.iter().enumerate().take(product) {
            let Some(name) = item(line, &["fn"]) else { continue };
            let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
            let length = lines[at..].iter().position(|line| **line == end).map_or(0, |length| length + 1);
            if length > FUNCTION_LINES {
                faults.push(format!("src/{}: {name} has {length} lines", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_type_has_its_name_to_itself() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in under("src") {
        for line in source.product().lines().filter(|line| !line.starts_with(' ')) {
            if let Some(name) = item(line, &["struct", "enum", "trait", "type", "union"]) {
                places.entry(name.to_owned()).or_default().push(source.path.clone());
            }
        }
    }
    assert!(places.len() > 200, "the sources were not read: {} types", places.len());
    // a room's own error, and what its functions answer
    let shared = ["Error", "Result"];
    let twice: Vec<_> =
        places.iter().filter(|(name, places)| places.len() > 1 && !shared.contains(&name.as_str())).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

/// The files that a source's `mod x;` lines name, in every place where Rust looks for them.
fn declared(source: &Source) -> Vec<String> {
    let module = source.path.strip_suffix(".rs").unwrap();
    let (folder, stem) = module.rsplit_once('/').map_or(("", module), |(folder, stem)| (folder, stem));
    let below = if matches!(stem, "mod" | "lib" | "main") { folder } else { module };
    let join = |folder: &str, file: &str| format!("{folder}/{file}").trim_start_matches('/').to_owned();
    let mut files = Vec::new();
    let mut path = None;
    for line in source.text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            path = Some(join(folder, name));
        }
        let Some(rest) = line.strip_suffix(';') else { continue };
        if let Some(("" | "pub" | "pub(crate)" | "pub(super)", name)) =
            rest.rsplit_once("mod ").map(|(visibility, name)| (visibility.trim(), name))
        {
            files.extend(
                path.take()
                    .into_iter()
                    .chain([join(below, &format!("{name}.rs")), join(below, &format!("{name}/mod.rs"))]),
            );
        }
    }
    files
}

#[test]
fn no_file_is_forgotten() {
    for directory in ["src", "testkit/src", "tests/chain", "tests/stage"] {
        let sources = under(directory);
        let declared: BTreeSet<String> = sources.iter().flat_map(declared).collect();
        let forgotten: Vec<_> = sources
            .iter()
            .map(|source| source.path.as_str())
            .filter(|path| !matches!(*path, "lib.rs" | "main.rs") && !declared.contains(*path))
            .collect();
        assert!(forgotten.is_empty(), "no `mod` line names {forgotten:?} of {directory}");
    }
}

/// Else the product's own tests could not use it: they would meet every type of the product twice.
#[test]
fn the_testkit_knows_nothing_of_the_product() {
    let mut files: Vec<(String, String)> =
        under("testkit").into_iter().map(|source| (source.path, source.text)).collect();
    let manifest = std::fs::read_to_string(root().join("testkit/Cargo.toml")).unwrap();
    files.push(("Cargo.toml".to_owned(), manifest));
    assert!(files.len() > 5, "the kit was not read");
    let knowing: Vec<_> =
        files.iter().filter(|(_, text)| text.contains("studioci")).map(|it| &it.0).collect();
    assert!(knowing.is_empty(), "testkit names the product in {knowing:?}");
}

#[test]
fn the_table_of_the_documentation_is_this_one() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = page.split_once("| room | what it is for | may import |").unwrap();
    let documented: BTreeMap<&str, &str> = table
        .lines()
        .skip(2)
        .map_while(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            Some((cells.next()?.trim_end_matches('`'), cells.nth(1)?))
        })
        .collect();
    let sources = under("src");
    let there: BTreeSet<&str> = sources.iter().map(Source::room).collect();
    let rooms = ROOMS.iter().filter(|(room, _)| there.contains(room) && !matches!(*room, "lib" | "main"));
    let held: BTreeMap<&str, String> = rooms
        .map(|(room, allowed)| {
            let allowed = allowed.map(|rooms| rooms.iter().filter(|room| there.contains(*room)).copied());
            (*room, allowed.map_or_else(|| "all".to_owned(), |rooms| rooms.collect::<Vec<_>>().join(", ")))
        })
        .collect();
    let documented: BTreeMap<&str, String> =
        documented.into_iter().map(|(room, rooms)| (room, rooms.replace('–', ""))).collect();
    assert_eq!(documented, held, "the table in ARCHITECTURE.md against ROOMS");
}

/// What a page of the documentation names between backticks and in links.
fn names_in(page: &str) -> Vec<&str> {
    let code = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let links = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    code.chain(links.map(|(target, _)| target.split('#').next().unwrap())).collect()
}

#[test]
fn pages_name_what_is_there() {
    let code: String = under("src").iter().map(Source::code).collect();
    let pages = [
        "ARCHITECTURE.md",
        "STYLE.md",
        "README.md",
        "docs/security.md",
        "docs/publishing.md",
        "docs/rights.md",
        "docs/speed.md",
    ];
    let (mut faults, mut seen) = (Vec::new(), 0);
    for page in pages {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let folder = root().join(page).parent().unwrap().to_owned();
        for name in names_in(&text) {
            let path = ["src/", "tests/", "xtask/", "docs/", "templates/", "plugin/", "../"]
                .iter()
                .any(|folder| name.starts_with(folder));
            let method = name.split_once("::").filter(|(owner, rest)| {
                owner.starts_with(|c: char| c.is_uppercase())
                    && rest.chars().all(|c| c.is_alphanumeric() || c == '_')
            });
            let there = match method {
                _ if path => folder.join(name).exists() || root().join(name).exists(),
                Some((_, method)) if method.starts_with(|c: char| c.is_uppercase()) => code.contains(method),
                Some((owner, method)) => code.contains(owner) && code.contains(&format!("fn {method}")),
                None => continue,
            };
            seen += 1;
            if !there {
                faults.push(format!("{page}: there is no {name}"));
            }
        }
    }
    assert!(seen > 40, "the pages name {seen} files and functions: none are found any more");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn main_is_an_edge() {
    let main = std::fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 60, "{} lines", main.lines().count());
}

#[test]
fn the_scanner_reads_rust() {
    let code = bare(
        "use crate::keel; // crate::ops\nlet a = \"crate::cli \\\" crate::x\"; r#\"\"crate::y\"#; 'c'; '\\''; &'a str; crate::{chain::{a, b}, output};",
    );
    assert_eq!(heads(&code, "crate::").into_iter().collect::<Vec<_>>(), ["chain", "keel", "output"]);
    let escape =
        Source { path: "keel/policy.rs".to_owned(), text: "use super::super::cluster::Cluster;".to_owned() };
    assert!(rooms_named(&escape).contains("cluster"));
    let sibling = Source { path: "cli/start.rs".to_owned(), text: "use super::output::DryRun;".to_owned() };
    assert!(!rooms_named(&sibling).contains("output"), "cli/output.rs is not the room");
}

/// Packages linked into the product at most.
const LINKED: usize = 190;
/// Packages in the lock file at most.
const LOCKED: usize = 300;
/// A second HTTP or TLS stack, and YAML readers beyond serde-saphyr (documents) and serde_yaml (values).
const DENIED: &[&str] = &[
    "reqwest",
    "ureq",
    "isahc",
    "curl",
    "curl-sys",
    "attohttpc",
    "surf",
    "openssl",
    "openssl-sys",
    "native-tls",
    "aws-lc-rs",
    "aws-lc-sys",
    "boringssl",
    "serde_yml",
    "serde_yaml_ng",
    "serde_norway",
    "yaml-rust",
    "yaml-rust2",
    "serde_yaml_bw",
];

#[test]
fn the_product_stays_small() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "kubectl-studioci",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--locked",
            "--offline",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let packages: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?))
        })
        .collect();
    assert!(packages.len() > 50, "this is no tree: {text}");
    assert!(packages.len() <= LINKED, "{} packages are linked, {LINKED} may be", packages.len());
    let denied: Vec<_> = packages.iter().filter(|(name, _)| DENIED.contains(name)).collect();
    assert!(denied.is_empty(), "{denied:?}");
    let yaml: BTreeSet<_> = packages
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| name.contains("yaml") || name.contains("saphyr"))
        .collect();
    assert!(
        yaml.is_subset(&BTreeSet::from(["serde_yaml", "unsafe-libyaml", "serde-saphyr"])),
        "a YAML reader beside the two: {yaml:?}"
    );
}

#[test]
fn the_lock_file_stays_small() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names: Vec<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(
        names.len() > 50 && names.len() <= LOCKED,
        "{} packages are locked, {LOCKED} may be",
        names.len()
    );
}
