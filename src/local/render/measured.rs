//! How large an answer is, before it is read.

use super::{ANSWER_DEPTH, ANSWER_NODES};
use crate::pipeline::fault::Fault;

/// Whether an answer of JSON has so few nodes, nested so little, that it can be read.
pub(super) fn measured(name: &str, answer: &[u8]) -> Result<(), Fault> {
    let (mut nodes, mut depth, mut deepest) = (1_usize, 0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in answer {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                (nodes, depth) = (nodes + 1, depth + 1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => nodes += 1,
            _ => {}
        }
    }
    if nodes > ANSWER_NODES {
        return Err(Fault::new(format!("what {name} gives has more than {ANSWER_NODES} nodes"))
            .why("a node is each value, list and mapping; no cluster takes objects of that size")
            .hint("write less by loops and aliases"));
    }
    if deepest > ANSWER_DEPTH {
        return Err(Fault::new(format!("what {name} gives is nested deeper than {ANSWER_DEPTH}"))
            .why("no Kubernetes object is")
            .hint("write it flat"));
    }
    Ok(())
}
