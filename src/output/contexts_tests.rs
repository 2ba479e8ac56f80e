//! Rows of several views, in their places.

use super::*;

struct Few(&'static [&'static str]);

impl Rows for Few {
    fn count(&self) -> usize {
        self.0.len()
    }
    fn headers(&self, _: bool) -> Vec<&'static str> {
        vec!["Name"]
    }
    fn cells(&self, place: usize, _: bool) -> Vec<String> {
        vec![self.0[place].to_owned()]
    }
    fn labels(&self, _: usize) -> Option<&BTreeMap<String, String>> {
        None
    }
}

impl Listed for Few {
    fn kind(&self) -> &'static str {
        "Few"
    }
    fn name(&self, place: usize) -> String {
        format!("few/{}", self.0[place])
    }
    fn object(&self, place: usize) -> Value {
        json!({ "metadata": { "name": self.0[place] } })
    }
}

#[test]
fn each_row_is_behind_its_context_and_empty_clusters_have_none() {
    let view = ContextsView::new(
        vec![("a", Few(&[])), ("b", Few(&["one", "two"])), ("c", Few(&[])), ("d", Few(&["three"]))],
        Vec::new(),
    );
    let rows: Vec<_> = (0..view.count()).map(|place| view.cells(place, false).join(" ")).collect();
    assert_eq!(rows, ["b one", "b two", "d three"]);
    assert_eq!(view.headers(false), ["Context", "Name"]);
    assert_eq!((view.name(2), view.kind()), ("few/three".to_owned(), "Few"));
    assert_eq!(view.object(2), json!({ "metadata": { "name": "three" }, "status": { "context": "d" } }));
    assert_eq!(view.list(&[2, 0])["items"][1]["status"]["context"], "b");
    assert!(view.list(&[]).get("unanswered").is_none());
    let lacking = ContextsView::<Few>::new(Vec::new(), vec!["x"]);
    assert_eq!((lacking.count(), &lacking.list(&[])["unanswered"]), (0, &json!(["x"])));
}
