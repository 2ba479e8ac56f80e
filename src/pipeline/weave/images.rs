//! The images of a pipeline: the kubelet pulls nothing whose name is no reference, and says so long after the push.

use serde_json::Value;

use super::subject::{Spot, Subject, is_other, list, text};
use crate::keel::image::ImageRef;
use crate::pipeline::fault::Fault;

/// Checks the image of every container of a workload, and of every volume that is one.
pub(super) fn check(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let Some(template) = subject.pod_template() else { return };
    let containers = list(template, "/spec/initContainers").iter().chain(list(template, "/spec/containers"));
    for container in containers.filter(|container| !is_other(Some(container), Value::is_object)) {
        let name = text(container, "/name").unwrap_or("without a name");
        match container.pointer("/image") {
            Some(Value::String(image)) if !image.is_empty() => {
                judge(&subject.on(&container["image"]), &format!("container {name}"), image, faults);
            }
            None | Some(Value::Null | Value::String(_)) => faults.push(subject.on(container).fault(
                format!("container {name} has no image"),
                "no server takes a container without one",
                "name the image that it runs",
            )),
            // what is no string is told as that
            Some(_) => {}
        }
    }
    for volume in list(template, "/spec/volumes") {
        if let Some(image) = text(volume, "/image/reference").filter(|image| !image.is_empty()) {
            let name = text(volume, "/name").unwrap_or("without a name");
            judge(&subject.on(&volume["image"]["reference"]), &format!("volume {name}"), image, faults);
        }
    }
}

fn judge(spot: &Spot<'_>, of: &str, image: &str, faults: &mut Vec<Fault>) {
    if let Err(why) = ImageRef::parse(image) {
        faults.push(spot.fault(
            format!("{of}: the image `{image}` is not an image reference"),
            why,
            "write registry/repository:tag, in lower case and without http://",
        ));
    }
}
