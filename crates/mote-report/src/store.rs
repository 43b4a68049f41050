//! Reading and writing `results.json` and `report.html`.

use crate::error::{Error, Result};
use crate::schema::{Results, SCHEMA};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where [`write_report`] put its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The figures.
    pub json: PathBuf,
    /// The report.
    pub html: PathBuf,
}

/// Writes `results.json` and `report.html` into `dir`, which is created when missing. Each file is complete
/// or not there: it is written beside its place and then renamed.
///
/// # Errors
/// [`Error::Io`] naming the file that cannot be written.
pub fn write_report(results: &Results, dir: &Path) -> Result<Paths> {
    std::fs::create_dir_all(dir).map_err(|e| io("create", dir, e))?;
    let paths = Paths {
        json: dir.join("results.json"),
        html: dir.join("report.html"),
    };
    let mut json = serde_json::to_string_pretty(results).map_err(|source| Error::Json {
        path: paths.json.clone(),
        source,
    })?;
    json.push('\n');
    write_atomically(&paths.json, dir, &json)?;
    write_atomically(&paths.html, dir, &crate::render_html(results))?;
    Ok(paths)
}

/// Reads a results file. Unknown fields are skipped.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Schema`] when it follows another schema, and
/// [`Error::Json`] naming line and field otherwise.
pub fn read(path: &Path) -> Result<Results> {
    #[derive(serde::Deserialize)]
    struct Header {
        schema: Option<serde_json::Value>,
    }
    let text = std::fs::read_to_string(path).map_err(|e| io("read", path, e))?;
    let json = |source| Error::Json {
        path: path.to_owned(),
        source,
    };
    let header: Header = serde_json::from_str(&text).map_err(json)?;
    match header.schema {
        Some(serde_json::Value::String(schema)) if schema == SCHEMA => {}
        found => {
            return Err(Error::Schema {
                path: path.to_owned(),
                found: found.map_or_else(|| "missing".to_owned(), |v| v.to_string()),
            });
        }
    }
    serde_json::from_str(&text).map_err(json)
}

fn write_atomically(path: &Path, dir: &Path, text: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; a report is for others to read, as far as the umask allows.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|e| io("write", path, e))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
