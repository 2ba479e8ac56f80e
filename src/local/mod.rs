//! The person's machine.
