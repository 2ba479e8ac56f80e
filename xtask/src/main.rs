//! What a developer runs beyond cargo itself.

fn main() {}
