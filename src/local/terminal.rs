//! The terminal that this runs on.

/// Leaves it, with every child that is started from now on: none can write there, or ask for a password. The leader of a
/// group of processes cannot leave, and stays.
pub fn leave() {
    let _ = rustix::process::setsid();
}
