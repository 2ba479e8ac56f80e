//! stub
/// stub
pub fn revision_of_working_directory() -> Option<String> { None }
