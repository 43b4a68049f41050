//! What a system in Python and PyTorch claims whose techniques Mote takes up.

/// Accuracy.
pub(crate) const ACCURACY: &str = "93.7 %";

/// Memory in all.
pub(crate) const MEMORY: &str = "0.08 MB";

/// Time per decision.
pub(crate) const LATENCY: &str = "0.03 s";

/// How to read them.
pub(crate) const NOTE: &str = "The claims are the best cases of a Python and PyTorch system on WISDM, on another and easier \
     protocol; they were not measured here, need not belong to one configuration, and their split, release of the data \
     and device are not stated.";
