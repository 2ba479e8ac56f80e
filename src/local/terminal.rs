//! The terminal that this runs on.

/// Leaves it, with every child that is started from now on: none can write there, or ask for a password. The leader of a
/// group of processes cannot leave, and stays.
pub fn leave() {
    let _ = rustix::process::setsid();
}

/// How wide the terminal is that stderr is, where it is one and says so.
pub fn columns() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}
