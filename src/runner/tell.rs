//! Tell an agent what the image beside it says of itself, and sleep.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::chain::told::Telling;
use crate::local;

/// How long after the first time it is told again. What is told counts if it is no older than the run of its container, and
/// the runtime may note that run's beginning a moment after the first telling.
const AGAIN: Duration = Duration::from_secs(2);

/// Writes it into the folder that the agent reads, and never comes back.
///
/// # Errors
/// The folder cannot be written to.
pub async fn tell(folder: &Path, telling: Telling) -> io::Result<Infallible> {
    local::told::tell(folder, &telling)?;
    tokio::time::sleep(AGAIN).await;
    local::told::tell(folder, &telling)?;
    drop(telling);
    std::future::pending().await
}
