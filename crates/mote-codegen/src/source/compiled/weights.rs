use super::paged::Pages;

/// The weights of all layers, when they are to lie in RAM or in a storage.
#[derive(Default)]
pub(super) struct Weights {
    /// Those in a storage.
    pub pages: Option<Pages>,
    /// Whether weights are copied to RAM.
    pub copied: bool,
    /// Those that are copied.
    pub words: Vec<u32>,
}
