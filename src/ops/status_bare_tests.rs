//! What `status` tells of a chain that home knows, and of which no namespace is there.

use super::*;
use crate::state::error::Error;

/// Home alone, beside a chain that listens. `ended`: how the chain has ended, or that somebody has deleted its namespaces.
fn emptied(ended: Option<&str>) -> Answers {
    let mut gone = namespace("ci-gone", 3);
    gone["metadata"]["labels"][wire::CHAIN] = json!("over");
    let mut heads = Head::objects_of(&[gone, namespace("ci-a", 1)]);
    heads.iter_mut().find(|head| head["metadata"]["name"] == "chain-over").unwrap()["data"]["ended"] =
        json!(ended.unwrap_or_default());
    Answers { namespaces: vec![namespace("ci-a", 1)], heads: Some(heads), ..Answers::default() }
}

const HOW: &str = "2026-11-25T12:00:00Z by ann";

#[tokio::test(start_paused = true)]
async fn a_chain_whose_namespaces_are_all_gone_is_known_by_its_head_and_nothing_more_is_asked() {
    let (cluster, record) = serve(emptied(Some(HOW)));
    let seen = status(&cluster, wanted("over")).await.unwrap();
    insta::assert_snapshot!(seen.bare.unwrap().said(), @"chain over has no builds here: it ended (2026-11-25T12:00:00Z by ann), and its namespaces are gone; kubectl studioci report over tells what was built; kubectl studioci start carries it on");
    let every = |request: &&testkit::SeenRequest| {
        request.path.ends_with("/namespaces") && !request.selector("labelSelector").contains("over")
    };
    assert_eq!(
        record.seen().iter().filter(every).filter(|it| it.selector("fieldSelector").is_empty()).count(),
        0
    );
    // without an end it is somebody's doing
    let seen = status(&serve(emptied(None)).0, wanted("over")).await.unwrap();
    insta::assert_snapshot!(seen.bare.unwrap().said(), @"chain over has no builds here: its namespaces were deleted; kubectl studioci report over tells what was built; kubectl studioci doctor over says what it lacks");
    // unless nothing was claimed yet
    let mut begun = emptied(None);
    for head in begun.heads.iter_mut().flatten().filter(|head| head["metadata"]["name"] == "chain-over") {
        head["data"] = json!(Head::first("c"));
    }
    let seen = status(&serve(begun).0, wanted("over")).await.unwrap();
    insta::assert_snapshot!(seen.bare.unwrap().said(), @"chain over has no builds here: its first start is under way, or was cut off; kubectl studioci start goes on with it");
}

#[tokio::test(start_paused = true)]
async fn only_a_chain_without_any_namespace_is_said_to_have_none() {
    for name in ["app", "ci-a", "nobody", "ci-gone", "no label"] {
        let seen = status(&serve(emptied(Some(HOW))).0, wanted(name)).await.unwrap();
        assert_eq!(seen.bare, None, "{name}");
    }
    // a selector takes some of its builds, or none
    let selected = WantedBuilds { selector: Some("a=b"), ..wanted("over") };
    assert_eq!(status(&serve(emptied(Some(HOW))).0, selected).await.unwrap().bare, None);
    // nor one of which something is to be restored, or only says that it is there
    for (uid, is_feigned) in [("uid-ci-gone", false), ("another", true)] {
        let labelled = || {
            let mut odd = namespace("ci-odd", 2);
            let meta = &mut odd["metadata"];
            (meta["labels"][wire::CHAIN], meta["labels"][wire::PHASE]) = (json!("over"), json!("Dreaming"));
            meta["uid"] = json!(uid);
            let mut answers = emptied(Some(HOW));
            answers.namespaces.push(odd);
            answers
        };
        assert_eq!(status(&serve(labelled()).0, wanted("over")).await.unwrap().bare, None, "{uid}");
        let cluster = serve(labelled()).0;
        let seen = believed(&cluster, Some("over".into())).await.unwrap();
        let error = absent(&cluster, &seen, "over".into()).await;
        let found = [
            matches!(error, Error::NotProvablyOurs { .. }),
            matches!(error, Error::ChainWithoutBuilds { .. }),
        ];
        assert_eq!(found, [is_feigned, false], "{uid}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_needs_a_build_of_a_chain_that_has_none_is_told_why() {
    let told = async |answers: Answers, name: &str| {
        let cluster = serve(answers).0;
        let seen = believed(&cluster, Some(name.into())).await.unwrap();
        let error = absent(&cluster, &seen, name.into()).await;
        format!("{error}\n{}", error.said().1)
    };
    insta::assert_snapshot!(told(emptied(Some(HOW)), "over").await, @"
        chain over has no builds here: it ended (2026-11-25T12:00:00Z by ann), and its namespaces are gone
        kubectl studioci report over tells what was built; kubectl studioci start carries it on
        ");
    insta::assert_snapshot!(told(emptied(None), "over").await, @"
        chain over has no builds here: its namespaces were deleted
        kubectl studioci report over tells what was built; kubectl studioci doctor over says what it lacks
        ");
    let blind = Answers { forbidden: vec!["/configmaps", "/configmaps/chain-over"], ..emptied(Some(HOW)) };
    for (answers, name) in [(blind, "over"), (emptied(None), "nobody"), (emptied(None), "no label")] {
        assert!(told(answers, name).await.starts_with("there is no chain and no build called"), "{name}");
    }
}
