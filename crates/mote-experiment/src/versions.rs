//! Versions of the tools behind the figures.

use mote_device::core::Core;
use mote_device::image::FirmwareBuilder;
use std::collections::BTreeMap;

/// Returns the versions of tensor library, emulator and firmware compiler, by tool; tools that are not there are left
/// out.
pub fn versions() -> BTreeMap<String, String> {
    let firmware = FirmwareBuilder::locate().and_then(|w| w.toolchain(Core::M4));
    let known = [
        ("burn", locked_version("burn-core").map(str::to_owned)),
        ("qemu", mote_device::emulator::version(Core::M4).ok()),
        ("firmware compiler", firmware.ok().map(|t| t.to_string())),
    ];
    known
        .into_iter()
        .filter_map(|(name, version)| Some((name.to_owned(), version?)))
        .collect()
}

/// Returns the version of a dependency this program was built with.
fn locked_version(package: &str) -> Option<&'static str> {
    let lock = include_str!("../../../Cargo.lock");
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_a_dependency_is_known() {
        assert!(
            super::locked_version("burn-core")
                .unwrap()
                .starts_with("0.")
        );
        assert_eq!(super::locked_version("no such package"), None);
    }
}
