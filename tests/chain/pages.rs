//! `chain_18`: what the pages say to type at a cluster gives what they say: the checks of `docs/security.md` and
//! `docs/rotating-logins.md`.

use std::path::Path;

use crate::examples::texts as examples;
use crate::start::GLOB;
use crate::world::{Said, World};

const SECURITY: &str = include_str!("../../docs/security.md");
const LOGINS: &str = include_str!("../../docs/rotating-logins.md");

/// Runs a script as somebody with a shell.
fn script(world: &World, script: &str) -> Said {
    let mut command = world.command(Path::new("/bin/sh"));
    let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", path.to_str().unwrap());
    Said::of(&command.args(["-c", script]).env("PATH", path).output().unwrap())
}

/// Runs the commands of a section, each with those before it that give a variable, and holds them to what is said of them.
fn hold(world: &World, section: &str) -> usize {
    let (mut run, mut variables) = (0, String::new());
    for command in examples::commands(section) {
        if command.starts_with(|c: char| c.is_ascii_lowercase())
            && command.split(' ').next().unwrap().contains('=')
        {
            variables.push_str(&command);
            variables.push('\n');
            continue;
        }
        // what goes for good would take the cluster from the other proofs
        let deletes = command.contains("kubectl delete ");
        let typed =
            if deletes { command.replace(" -f -", " -f - --dry-run=server") } else { command.clone() };
        let typed = match typed.split_once("  #").filter(|_| deletes && !typed.contains("--dry-run")) {
            Some((line, _)) => format!("{line} --dry-run=server"),
            None if deletes && !typed.contains("--dry-run") => format!("{typed} --dry-run=server"),
            None => typed,
        };
        let said = script(world, &format!("{variables}{typed}"));
        let (out, told) = (said.out.trim(), format!("{typed}\n{}\n{}", said.out, said.err));
        match command.rsplit_once("  # ").map(|(_, comment)| comment.trim()) {
            Some("yes") => assert_eq!((said.code, out), (0, "yes"), "{told}"),
            Some("no") => assert_eq!((said.code, out), (1, "no"), "{told}"),
            Some("refused by studioci-rights") => {
                assert!(said.code == 1 && said.err.contains("studioci-rights"), "{told}");
            }
            Some("nothing differs") => assert_eq!((said.code, out), (0, ""), "{told}"),
            _ => assert_eq!(said.code, 0, "{told}"),
        }
        if command.contains("selfsubjectaccessreviews") {
            assert!(out.contains("\"allowed\":true"), "{told}");
        }
        run += 1;
    }
    run
}

fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("{title}"));
    rest.split("\n## ").next().unwrap()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_18_what_the_pages_say_to_check_says_what_they_say() {
    let world = World::new("app-main");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let namespace = world.namespace(1);
    let team = world.studioci(&["setup", "--print", "--group", "devs"]).ok();
    let team = world.file("team.yaml", &team);
    world.kubectl(&["apply", "-f", &team]).ok();
    let devs = ["auth", "can-i", "create", "namespaces", "--as", "alice", "--as-group", "devs"];
    world.until("the rights of devs", || (world.kubectl(&devs).code == 0).then_some(()));

    let image = format!("--agent-image {}", world.cluster.agent_image().unwrap());
    let ours =
        |page: &str| page.replace("app-main-eager-hopper", &namespace).replace("--agent-image …", &image);
    let security = ours(SECURITY);
    assert_eq!(hold(&world, section(&security, "How to check")), 10);
    assert_eq!(hold(&world, section(&security, "How to remove everything")), 3);
    world.kubectl(&["delete", "-f", &team]).ok();

    let blocks = section(LOGINS, "Who may write the chain's Secret");
    let (_, role) = blocks.split_once("```yaml\n").unwrap();
    let file = world.file("role.yaml", role.split_once("```").unwrap().0);
    world.kubectl(&["apply", "-f", &file]).ok();
    let account = "system:serviceaccount:registry-logins:ecr-login";
    let may = ["auth", "can-i", "patch", "secrets/chain-app-main", "-n", "studioci", "--as", account];
    world.until("the account's right", || (world.kubectl(&may).code == 0).then_some(()));
    assert_eq!(hold(&world, blocks), 4);
    world.kubectl(&["delete", "-f", &file]).ok();
}
