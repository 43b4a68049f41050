//! The order of crates that CONTRIBUTING.md states is the real one.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Layers of CONTRIBUTING.md by crate, from 0 for crates that import none.
fn stated(root: &Path) -> HashMap<String, usize> {
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let (_, rule) = text
        .split_once("- Imports point from right to left, never back: ")
        .unwrap();
    let (rule, _) = rule.split_once(". A test").unwrap();
    let layers = rule.split('←').enumerate();
    layers
        .flat_map(|(layer, crates)| {
            let names = crates.split('`').skip(1).step_by(2);
            names.map(move |name| (name.to_owned(), layer))
        })
        .collect()
}

#[test]
fn imports_point_the_way_that_contributing_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let layers = stated(root);
    let apart = "mote-qemu-plugin";
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == apart {
            continue;
        }
        let own = layers.get(&name);
        let own = own.unwrap_or_else(|| panic!("CONTRIBUTING.md does not place {name}"));
        let manifest = fs::read_to_string(root.join("crates").join(&name).join("Cargo.toml"));
        let manifest: toml::Table = toml::from_str(&manifest.unwrap()).unwrap();
        let Some(dependencies) = manifest.get("dependencies") else {
            continue;
        };
        for dependency in dependencies.as_table().unwrap().keys() {
            if let Some(layer) = layers.get(dependency) {
                assert!(layer < own, "{name} must not import {dependency}");
            }
        }
    }
}
