//! How a run goes on after one of its steps.

/// How a run goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// The next step follows.
    Continue,
    /// The run is over: an early exit has written the output, and the steps behind are not needed.
    Exited,
    /// The run is over without an output: more samples are needed first.
    NeedMoreSamples,
}

impl StepOutcome {
    /// Returns the outcome of an early exit: the run ends when the scores are `clear`.
    pub const fn exit_if(clear: bool) -> Self {
        if clear { Self::Exited } else { Self::Continue }
    }

    /// Returns the outcome of a pool over windows of a stream: the run goes on when a window is `complete`.
    pub const fn continue_if(complete: bool) -> Self {
        if complete {
            Self::Continue
        } else {
            Self::NeedMoreSamples
        }
    }
}
