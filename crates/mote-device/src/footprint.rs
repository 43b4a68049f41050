//! What an image occupies, read from its ELF file.

use crate::Error;
use object::elf::{SHF_ALLOC, SHF_WRITE};
use object::{File, Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// The module generated pipelines keep their constants in: what lies in it is model, the rest is code.
pub const MODEL_MODULE: &str = "model_data";

/// The section that stands for the contents of another chip.
pub const EXTERNAL_SECTION: &str = ".external";

/// Sections that stand for free memory: what the linker script of `riscv-rt` sets aside for stack and heap.
const FREE_MEMORY: [&str; 2] = [".stack", ".heap"];

/// Parts of symbol names that only panicking or formatting code has.
const PANIC_MARKS: [&str; 6] = [
    "core::panicking",
    "core::fmt",
    "rust_begin_unwind",
    "unwrap_failed",
    "expect_failed",
    "core::slice::index::slice",
];

/// Bytes of an image in flash and RAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// Flash beyond model and other chips: vectors, start-up, code, constants, initial values of `.data`.
    pub flash_code: u64,
    /// Flash of the symbols in [`MODEL_MODULE`].
    pub flash_model: u64,
    /// Flash of another chip: the [`EXTERNAL_SECTION`], weights that are paged.
    pub flash_external: u64,
    /// The share of `flash_code` that is the vector table.
    pub vectors: u64,
    /// The share of `flash_code` that is machine code.
    pub text: u64,
    /// RAM of statics (`.data`, `.bss` and the like), stack and heap apart.
    pub ram_static: u64,
    /// Everything loaded or reserved, by address.
    pub sections: Vec<Section>,
    /// Named things, the largest first.
    pub symbols: Vec<Symbol>,
    /// Names of panicking and formatting code found; `None` when the image has no symbols to judge by.
    pub panics: Option<Vec<String>>,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where it lies while the program runs.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Whether it occupies flash, of this chip or another.
    pub in_flash: bool,
    /// Whether it occupies RAM.
    pub in_ram: bool,
}

/// A function or a static.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Symbol {
    /// Readable path, without the compiler's hash.
    pub name: String,
    /// Where it lies.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// The section it is in.
    pub section: String,
}

impl Footprint {
    /// Reads the ELF file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Image`] when it is no ELF file or a damaged one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        Self::parse(&bytes).map_err(|what| Error::Image {
            path: path.to_owned(),
            what,
        })
    }

    /// Reads an ELF file from memory.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = File::parse(bytes).map_err(|e| e.to_string())?;
        let mut sections = Vec::new();
        let mut text = 0;
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                return Err("not an ELF file".to_owned());
            };
            let name = section.name().map_err(|e| e.to_string())?;
            if !sh_flags.contains(SHF_ALLOC) || section.size() == 0 || FREE_MEMORY.contains(&name) {
                continue;
            }
            let no_bits = matches!(
                section.kind(),
                SectionKind::UninitializedData | SectionKind::UninitializedTls
            );
            if !no_bits {
                // Damaged files promise more bytes than they have.
                section.data().map_err(|e| e.to_string())?;
            }
            if section.kind() == SectionKind::Text {
                text += section.size();
            }
            sections.push(Section {
                name: name.to_owned(),
                address: section.address(),
                size: section.size(),
                in_flash: !no_bits,
                in_ram: no_bits || sh_flags.contains(SHF_WRITE),
            });
        }
        sections.sort_by_key(|s| s.address);
        let symbols = symbols(&file, &sections);
        let total = |of: fn(&Section) -> bool| -> u64 {
            sections.iter().filter(|s| of(s)).map(|s| s.size).sum()
        };
        let flash_external = total(|s| s.name == EXTERNAL_SECTION);
        let model = |s: &&Symbol| {
            is_model(&s.name) && sections.iter().any(|t| t.in_flash && t.name == s.section)
        };
        let flash_model = symbols.iter().filter(model).map(|s| s.size).sum();
        let panics = (!symbols.is_empty()).then(|| {
            let is_mark = |s: &&Symbol| PANIC_MARKS.iter().any(|mark| s.name.contains(mark));
            symbols
                .iter()
                .filter(is_mark)
                .map(|s| s.name.clone())
                .collect()
        });
        Ok(Self {
            flash_code: total(|s| s.in_flash).saturating_sub(flash_model + flash_external),
            flash_model,
            flash_external,
            vectors: total(|s| s.name == ".vector_table"),
            text,
            ram_static: total(|s| s.in_ram),
            sections,
            symbols,
            panics,
        })
    }

    /// Returns whether the image certainly contains no panicking and no formatting code.
    pub fn is_panic_free(&self) -> bool {
        self.panics.as_ref().is_some_and(Vec::is_empty)
    }

    /// Returns the address ranges of the model's constants in flash, by address; those that touch are one.
    pub fn model_ranges(&self) -> Vec<(u32, u32)> {
        let in_flash = |name: &str| {
            let section = self.sections.iter().find(|s| s.name == name);
            section.is_some_and(|s| s.in_flash && !s.in_ram)
        };
        let mut ranges: Vec<(u32, u32)> = self
            .symbols
            .iter()
            .filter(|s| s.size > 0 && is_model(&s.name) && in_flash(&s.section))
            .map(|s| (s.address as u32, (s.address + s.size) as u32))
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let touching = next.0 <= before.1;
            if touching {
                before.1 = before.1.max(next.1);
            }
            touching
        });
        ranges
    }

    /// Returns the address of the function or static `name`.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        self.symbols
            .iter()
            .find(|s| s.name == name)
            .map(|s| s.address)
    }
}

fn is_model(name: &str) -> bool {
    name.split("::").any(|part| part == MODEL_MODULE)
}

/// Returns the readable path of a mangled name.
pub(crate) fn demangle(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

fn symbols(file: &File<'_>, sections: &[Section]) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = file
        .symbols()
        .filter(|s| matches!(s.kind(), SymbolKind::Text | SymbolKind::Data))
        .filter_map(|s| {
            // Bit 0 of a function's address says Thumb.
            let address = s.address() & !u64::from(s.kind() == SymbolKind::Text);
            let section = sections
                .iter()
                .find(|t| (t.address..t.address + t.size).contains(&address))?;
            Some(Symbol {
                name: demangle(s.name().ok()?),
                address,
                size: s.size(),
                section: section.name.clone(),
            })
        })
        .collect();
    symbols.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    symbols.dedup();
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_told_by_its_module() {
        assert!(is_model("firmware::pipeline::model_data::WEIGHTS"));
        assert!(!is_model("firmware::pipeline::not_model_data::X"));
    }

    #[test]
    fn this_very_program_can_be_read_and_panics() {
        let program = std::env::current_exe().unwrap();
        let footprint = Footprint::read(&program).unwrap();
        assert!(footprint.text > 0 && footprint.flash_code > footprint.text);
        assert!(!footprint.is_panic_free());
    }

    #[test]
    fn what_is_no_elf_file_is_an_error() {
        for bytes in [&b""[..], b"\x7fELF", b"MZ and more", &[0; 200]] {
            assert!(Footprint::parse(bytes).is_err());
        }
    }

    #[test]
    fn a_truncated_image_is_an_error() {
        let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
        for share in [1, 10, 50, 90] {
            let cut = &bytes[..bytes.len() * share / 100];
            assert!(Footprint::parse(cut).is_err(), "{share} % was accepted");
        }
    }
}
