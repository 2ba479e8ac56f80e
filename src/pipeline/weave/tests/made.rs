use super::*;
use crate::chain::build::Version;

#[test]
fn print() {
    let plan = good(RICH);
    println!("LISTENER\n{}", documents::write(&plan.listener(&Listener { tag: "main", generation: 3 })));
    let version: Version = format!("main@sha256:{}", "0a".repeat(32)).parse().unwrap();
    let job = plan.job(&BuildOf {
        namespace: "ci-eager-hopper",
        generation: 3,
        version: &version,
        revision: Some("123e456"),
        parent: Some("ci-brave-lovelace"),
    });
    println!("JOB\n{}", documents::write(&job));
    for notice in &plan.notices {
        println!("{notice}");
    }
    println!(
        "{:#?} {:?} {:?}",
        plan.namespace,
        plan.support,
        plan.kinds.iter().map(|k| k.plural.to_string()).collect::<Vec<_>>()
    );
    println!("{}", documents::write_all(&plan.rest()));
}
