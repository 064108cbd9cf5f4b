//! Makes one JSON document of each folder of YAML that people edit: `rules`, `mappings` and `data`. A file
//! that is added there is found without a line of Rust.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for folder in ["rules", "mappings", "data"] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Map::new();
        gather(Path::new(folder), &mut files)?;
        fs::write(out.join(format!("{folder}.json")), serde_json::to_vec(&Value::Object(files))?)?;
    }
    Ok(())
}

/// Reads every YAML file below a folder, by its path.
fn gather(folder: &Path, files: &mut Map<String, Value>) -> Result<(), Box<dyn Error>> {
    let mut entries =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            // `on` and `off` are words, as in YAML 1.2.
            let options = serde_saphyr::options! { strict_booleans: true, underscored_numbers_as_strings: true };
            let value: Value = serde_saphyr::from_str_with_options(&fs::read_to_string(&path)?, options)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            files.insert(path.to_string_lossy().replace('\\', "/"), value);
        }
    }
    Ok(())
}
