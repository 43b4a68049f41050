//! What an operator says about the rest of a run.

/// How a run goes on behind an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// With the next operator.
    Continue,
    /// The output is decided: the operators behind are not needed.
    Decided,
    /// Not at all: more samples are needed before there is an output.
    Waiting,
}

impl Flow {
    /// Behind an early exit: on unless the scores are clear.
    pub const fn unless(clear: bool) -> Self {
        if clear { Self::Decided } else { Self::Continue }
    }

    /// Behind a pool of windows: on when one is complete.
    pub const fn on(complete: bool) -> Self {
        if complete {
            Self::Continue
        } else {
            Self::Waiting
        }
    }
}
