/// What a layer becomes.
pub(super) struct Code {
    /// Items of `mod model_data`.
    pub data: String,
    /// An expression that runs the layer on `input`, `second` and `output`.
    pub call: String,
    /// Whether it reads weights from RAM: from their copy there, or through the window.
    pub reads_weights: bool,
}
