//! Weights that lie in a file beside the model.

use super::proto::{Model, Tensor};
use mote_model::Error;
use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path};

/// Most bytes that a file of weights may have.
const MAX_BYTES: u64 = 1 << 28;

/// Reads the values of all constants of `model` that lie in files of `folder`.
pub(super) fn load(model: &mut Model, folder: Option<&Path>) -> Result<(), Error> {
    let mut files: HashMap<String, Vec<u8>> = HashMap::new();
    let constants = model.graph.iter_mut().flat_map(|g| {
        let own = g.nodes.iter_mut().flat_map(|n| &mut n.attributes);
        g.constants
            .iter_mut()
            .chain(own.filter_map(|a| a.tensor.as_mut()))
    });
    for tensor in constants.filter(|t| t.location == 1) {
        let place = format!("constant `{}`", tensor.name);
        let fail = |what: String| Err(Error::model_file(place.clone(), what));
        let entry = |key: &str| {
            let found = tensor.external.iter().find(|e| e.key == key);
            found.map(|e| e.value.as_str())
        };
        let Some(name) = entry("location") else {
            return fail("lies in another file, and its location is not given".to_owned());
        };
        let inside = Path::new(name)
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        let (Some(folder), true) = (folder, inside && !name.is_empty()) else {
            return fail(format!(
                "lies in the file `{name}`; keep it in the model's folder and give the model's path, or export with the \
                 weights inside"
            ));
        };
        let path = folder.join(name);
        if !files.contains_key(name) {
            let read = || {
                let bytes = fs::metadata(&path)?.len();
                match bytes > MAX_BYTES {
                    true => Err(std::io::Error::other(
                        "it is too large for a microcontroller",
                    )),
                    false => fs::read(&path),
                }
            };
            match read() {
                Ok(bytes) => files.insert(name.to_owned(), bytes),
                Err(e) => {
                    return fail(format!(
                        "lies in `{}`, which cannot be read: {e}",
                        path.display()
                    ));
                }
            };
        }
        let file = files.get(name).map_or(&[][..], Vec::as_slice);
        let number = |key: &str| entry(key).map(str::parse::<usize>);
        let offset = number("offset").unwrap_or(Ok(0));
        let length = number("length").unwrap_or(Ok(file.len()));
        let bytes = match (offset, length) {
            (Ok(offset), Ok(length)) => file.get(offset..).and_then(|rest| {
                rest.get(..length.min(rest.len()))
                    .filter(|b| b.len() == length || entry("length").is_none())
            }),
            _ => None,
        };
        let Some(bytes) = bytes else {
            return fail(format!(
                "asks for more than there is in `{}`",
                path.display()
            ));
        };
        let raw = bytes.to_vec();
        *tensor = Tensor {
            raw,
            location: 0,
            ..std::mem::take(tensor)
        };
    }
    Ok(())
}
