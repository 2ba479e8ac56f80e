//! `native_07` and `native_08`: builds as a tree, and those of several contexts in one table.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::{BOUND, Said, World};

/// Name, generation and status of each row, without what is drawn before the name.
fn rows(table: &str) -> Vec<(String, String, String)> {
    let row = |line: &str| {
        let mut cells = line.split("   ").map(str::trim).filter(|cell| !cell.is_empty());
        let mut next =
            || cells.next().unwrap_or_default().trim_start_matches(['├', '└', '─', '│', ' ']).to_owned();
        (next(), next(), next())
    };
    table.lines().map(row).collect()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_07_a_tree_shows_builds_that_are_there_and_those_that_are_gone() {
    let world = World::new("native-07");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    for (generation, code) in [(1, 0), (2, 1), (3, 0)] {
        world.phase(generation, "Listening");
        world.push(&format!("build-{:04}", generation + 1), &generation.to_string(), &format!("exit {code}"));
        world.phase(generation, "Finished");
    }
    world.phase(4, "Listening");
    let names: Vec<String> = (1..=4).map(|generation| world.namespace(generation)).collect();
    let tree = || rows(&world.studioci(&["status", world.chain, "--tree", "--no-headers"]).ok());
    let row = |name: &str, generation: &str, status: &str| {
        (name.to_owned(), generation.to_owned(), status.to_owned())
    };
    let chain = row("chain/native-07", "", "");
    let (newest, third) = (row(&names[3], "4", "Listening"), row(&names[2], "3", "Passed"));
    let there = [
        chain.clone(),
        newest.clone(),
        third.clone(),
        row(&names[1], "2", "Failed"),
        row(&names[0], "1", "Passed"),
    ];
    assert_eq!(tree(), there);
    world.studioci(&["cleanup", &names[0], "--wait", "--timeout=90s"]).ok();
    let first = row(&format!("({})", names[0]), "1", "Passed");
    assert_eq!(tree(), [chain.clone(), newest.clone(), third.clone(), row(&names[1], "2", "Failed"), first]);
    world.studioci(&["cleanup", &names[1], "--wait", "--timeout=90s"]).ok();
    let both =
        row("(2 builds)", "1-2", "gone: 1 Passed, 1 Failed; kubectl studioci report native-07 lists them");
    assert_eq!(tree(), [chain, newest, third, both]);
    let chosen = rows(
        &world.studioci(&["status", "--tree", "--no-headers", "-l", "studioci.dev/verdict=Passed"]).ok(),
    );
    assert_eq!(chosen, [row("chain/native-07", "", ""), row(&names[2], "3", "Passed")]);
}

/// One file with these contexts: the cluster as its administrator and as somebody else, a server that nobody is, and one that
/// takes a connection and says nothing.
fn kubeconfig(world: &World, silent: &TcpListener) -> String {
    let read = |file: &std::path::Path| -> Value {
        let file = file.display().to_string();
        let view = ["config", "view", "--raw", "--flatten", "-o", "json", "--kubeconfig", &file];
        serde_json::from_str(&world.kubectl(&view).ok()).unwrap()
    };
    let admin = read(&world.cluster.kubeconfig());
    let other = read(&world.cluster.kubeconfig_for("native-08-reader", &["native-08"]).unwrap());
    let user = |name: &str, of: &Value| json!({ "name": name, "user": of["users"][0]["user"] });
    let server = |name: &str, port: u16| {
        let mut cluster = admin["clusters"][0]["cluster"].clone();
        cluster["server"] = json!(format!("https://127.0.0.1:{port}"));
        json!({ "name": name, "cluster": cluster })
    };
    let context = |name: &str, cluster: &str, user: &str| json!({ "name": name, "context": { "cluster": cluster, "user": user, "namespace": "elsewhere" } });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "clusters": [
            { "name": "real", "cluster": admin["clusters"][0]["cluster"] },
            server("refuses", 1), server("silent", silent.local_addr().unwrap().port()),
        ],
        "users": [user("admin", &admin), user("reader", &other)],
        "contexts": [
            context("here", "real", "admin"), context("there", "real", "reader"),
            context("nowhere", "refuses", "admin"), context("hangs", "silent", "admin"),
        ],
    });
    world.file("contexts.json", &config.to_string())
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_08_one_table_over_contexts_whichever_of_them_are_dead() {
    let world = World::bare("native-08");
    world.set_up();
    world.push("build-0001", "1", "exit 0");
    let pipeline = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &pipeline, "--chain", world.chain]).ok();
    let build = world.namespace(1);
    let bind = ["clusterrolebinding", "native-08"];
    let _ = world.kubectl(&[&["delete"], &bind[..], &["--ignore-not-found"]].concat());
    let role = ["--clusterrole=studioci-user", "--user=native-08-reader"];
    world.kubectl(&[&["create"], &bind[..], &role].concat()).ok();
    let may = ["auth", "can-i", "list", "namespaces", "--as", "native-08-reader"];
    world.until("the reader's rights", || (world.kubectl(&may).code == 0).then_some(()));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = kubeconfig(&world, &silent);
    let status = |args: &[&str]| -> Said {
        world.studioci_with(&[("KUBECONFIG", &config)], &[&["status"], args].concat())
    };
    let begun = Instant::now();
    let said = status(&["--contexts", "nowhere,here,hangs,there", "--request-timeout=4s"]);
    assert!(begun.elapsed() < BOUND.min(Duration::from_secs(20)), "{:?}", begun.elapsed());
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    let unread = "Warning: context there: what the namespaces of chain native-08 say is taken at its word";
    assert!(lines[2].starts_with(unread), "{said:?}");
    for (line, context) in lines.iter().zip(["nowhere", "hangs"]) {
        assert!(line.starts_with(&format!("error: context {context}: ")), "{line}");
    }
    let table = said.ok();
    let cells = |line: &str| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let of = |context: &str| format!("{context} {build} native-08");
    assert_eq!(
        table.lines().map(cells).collect::<Vec<_>>(),
        ["CONTEXT NAME CHAIN".to_owned(), of("here"), of("there")]
    );

    let said = status(&["--contexts=there,nowhere", "-o", "json"]);
    let list: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&list["items"][0]["status"]["context"], &list["unanswered"]),
        (&json!("there"), &json!(["nowhere"]))
    );
    let by_path = ["-o", "jsonpath={range .items[*]}{.status.context}/{.metadata.name} {end}"];
    let both = format!("here/{build} there/{build} ");
    assert_eq!(status(&[&["--contexts=here,there"][..], &by_path].concat()).ok(), both);
    let chains = status(&["--contexts=here", "--contexts=here", "--chains", "--no-headers"]).ok();
    assert!(chains.starts_with("here   native-08   ") && chains.lines().count() == 1, "{chains}");
    // who may not read home is shown what is there
    let tree = status(&["--contexts=there", "--tree"]);
    assert!(tree.err.starts_with("Warning: context there: namespace studioci cannot be read"), "{tree:?}");
    assert!(tree.ok().contains(&format!("└─{build}")));

    let dead = status(&["--contexts=nowhere"]).failed(3);
    assert!(dead.contains("error: none of these contexts has answered: nowhere\n"), "{dead}");
    let unknown = status(&["--contexts=here,lost"]).failed(2);
    assert!(unknown.starts_with("error: context \"lost\" does not exist\n"), "{unknown}");
    let theirs = world.command(&world.cluster.tool("kubectl"));
    let theirs =
        { theirs }.args(["version", "--context", "lost"]).env("KUBECONFIG", &config).output().unwrap();
    let theirs = Said::of(&theirs).err;
    assert!(theirs.contains("context \"lost\" does not exist"), "kubectl's words: {theirs}");
    world.kubectl(&[&["delete"], &bind[..]].concat()).ok();
}
