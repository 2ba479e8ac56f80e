//! stub
use std::path::Path;
/// stub
pub fn read_optional(_path: &str) -> Result<Option<String>, String> { Ok(None) }
/// stub
pub fn read(_path: &Path) -> Result<(String,String), String> { Err(String::new()) }
/// stub
pub fn install_self(_path: &Path) -> Result<(), String> { Err(String::new()) }
