//! That something that was forgotten lies nowhere.

use std::path::Path;

use walkdir::WalkDir;

/// Fails if a file under `dir` holds a text, naming the file.
pub fn nowhere_in(dir: impl AsRef<Path>, text: &str) {
    for file in WalkDir::new(dir).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds, "{} holds it", file.path().display());
    }
}
