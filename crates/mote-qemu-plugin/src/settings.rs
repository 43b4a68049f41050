//! What the emulator's command line asks the plugin for.

use crate::flash::{FlashSettings, Geometry};
use std::path::PathBuf;

/// What the command line asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// File to write.
    pub out: PathBuf,
    /// Entries of the profiled functions, and how many of their first calls are forgotten.
    pub roots: Vec<(u32, u64)>,
    /// Entries of functions whose calls are numbered.
    pub watched: Vec<u32>,
    /// Lowest stack address and the address above the highest.
    pub stack: (u32, u32),
    /// Instructions to execute at most; 0 for no limit.
    pub limit: u64,
    /// The flash, when waiting for it is to be counted.
    pub flash: Option<FlashSettings>,
    /// Address ranges of the model's weights and parameters.
    pub model: Vec<(u32, u32)>,
}

impl Settings {
    /// Reads `key=value` arguments.
    ///
    /// # Errors
    /// A message naming the argument that cannot be read.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Settings::default();
        for argument in arguments {
            let wrong = || format!("cannot read plugin argument `{argument}`");
            let (key, value) = argument.split_once('=').ok_or_else(wrong)?;
            let address = |text: &str| {
                u32::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|_| wrong())
            };
            let range = |text: &str| {
                let (low, high) = text.split_once('-').ok_or_else(wrong)?;
                Ok::<_, String>((address(low)?, address(high)?))
            };
            let cache = |text: &str| Geometry::parse(text).map(Some).ok_or_else(wrong);
            match key {
                "out" => settings.out = PathBuf::from(value),
                "root" => {
                    let (entry, skip) = value.split_once('+').unwrap_or((value, "0"));
                    let skip = skip.parse().map_err(|_| wrong())?;
                    settings.roots.push((address(entry)?, skip));
                }
                "watch" => settings.watched.push(address(value)?),
                "stack" => settings.stack = range(value)?,
                "model" => settings.model.push(range(value)?),
                "flash" => settings.flash_mut().range = range(value)?,
                "wait" => settings.flash_mut().wait = value.parse().map_err(|_| wrong())?,
                "icache" => settings.flash_mut().instructions = cache(value)?,
                "dcache" => settings.flash_mut().data = cache(value)?,
                "cache" => settings.flash_mut().shared = cache(value)?,
                "prefetch" => {
                    settings.flash_mut().prefetch = match value {
                        "on" => true,
                        "off" => false,
                        _ => return Err(wrong()),
                    }
                }
                "limit" => settings.limit = value.parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            }
        }
        if settings.out.as_os_str().is_empty() {
            return Err("plugin argument `out=FILE` is missing".to_owned());
        }
        Ok(settings)
    }

    fn flash_mut(&mut self) -> &mut FlashSettings {
        self.flash.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_is_described_by_several_arguments() {
        let arguments = [
            "out=x",
            "flash=0-1000",
            "wait=5",
            "icache=32:32:32:8",
            "prefetch=on",
        ];
        let settings = Settings::parse(arguments.into_iter().map(str::to_owned)).unwrap();
        let expected = FlashSettings {
            range: (0, 0x1000),
            wait: 5,
            instructions: Geometry::parse("32:32:32:8"),
            prefetch: true,
            ..FlashSettings::default()
        };
        assert_eq!(settings.flash, Some(expected));
    }

    #[test]
    fn arguments_that_make_no_sense_are_named() {
        for text in [
            "out",
            "root=xyz",
            "root=10+x",
            "stack=10",
            "limit=a",
            "unknown=1",
            "icache=3:3:32:8",
            "wait=x",
            "prefetch=yes",
            "model=10",
        ] {
            let error = Settings::parse(std::iter::once(text.to_owned())).unwrap_err();
            assert!(
                error.contains(text) || error.contains("out=FILE"),
                "{error}"
            );
        }
    }
}
