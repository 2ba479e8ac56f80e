//! Archives that depend on their content alone: sorted, without owners, and with one time for all.

use std::collections::BTreeMap;

use tar::{EntryType, Header};

/// What lies at a path.
#[derive(Debug, Clone)]
pub enum Node {
    /// A folder.
    Folder {
        /// Its permissions.
        mode: u32,
    },
    /// A file.
    File {
        /// Its content.
        bytes: Vec<u8>,
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: String,
    },
    /// A pipe without anybody at the other end.
    Pipe,
}

/// A tar archive of these paths, all owned by root and changed at `mtime` (seconds since 1970). Sorted as they are, a
/// folder comes before what it holds.
pub fn tar(nodes: &BTreeMap<String, Node>, mtime: u64) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, node) in nodes {
        let mut header = Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(mtime);
        header.set_size(0);
        let written = match node {
            Node::Folder { mode } => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(*mode);
                archive.append_data(&mut header, path, &[][..])
            }
            Node::File { bytes, mode } => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(bytes.len() as u64);
                header.set_mode(*mode);
                archive.append_data(&mut header, path, bytes.as_slice())
            }
            Node::Pipe => {
                header.set_entry_type(EntryType::Fifo);
                header.set_mode(0o666);
                archive.append_data(&mut header, path, &[][..])
            }
            Node::Link { target } => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                archive.append_link(&mut header, path, target)
            }
        };
        written.expect("memory takes every write, and the paths are the caller's own");
    }
    archive.into_inner().expect("memory takes every write")
}
