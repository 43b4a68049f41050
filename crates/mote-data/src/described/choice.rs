//! Which files of a folder or archive are read, and what their paths say of their rows.

use super::{description::Description, pattern::Pattern, reader::Known};
use globset::GlobSet;

/// Chooses files by their names.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    include: GlobSet,
    exclude: GlobSet,
    pattern: Option<Pattern>,
    constants: Known,
}

/// Whether a file is read.
pub(crate) enum Verdict {
    /// It is; this is what its path says.
    Read(Known),
    /// It is not, for this reason.
    Skip(&'static str),
}

impl Choice {
    /// Compiles the globs of a description.
    ///
    /// # Errors
    /// When a glob is malformed, naming it.
    pub(crate) fn new(description: &Description) -> Result<Self, String> {
        let (include, exclude) = description.globs()?;
        Ok(Self {
            include,
            exclude,
            pattern: description.pattern.clone(),
            constants: Known {
                user: description.user.as_ref().map(|user| user.text()),
                activity: description.activity.clone(),
                device: None,
            },
        })
    }

    /// Returns what the description says of every row.
    pub(crate) fn constants(&self) -> Known {
        self.constants.clone()
    }

    /// Returns whether paths say who did what.
    pub(crate) fn needs_path(&self) -> bool {
        let says = |p: &Pattern| p.has("user") || p.has("activity");
        self.pattern.as_ref().is_some_and(says)
    }

    /// Decides about the file `name`, which may end in `.gz`.
    pub(crate) fn verdict(&self, name: &str) -> Verdict {
        let name = crate::files::unpacked(name);
        if self.exclude.is_match(name) {
            return Verdict::Skip("excluded");
        }
        if !self.include.is_match(name) {
            return Verdict::Skip("its name is not among those to include");
        }
        let mut known = self.constants();
        if let Some(pattern) = &self.pattern {
            let Some(parts) = pattern.parts(name) else {
                return Verdict::Skip("its path does not fit the pattern");
            };
            known.user = parts.user.or(known.user);
            known.activity = parts.activity.or(known.activity);
            known.device = parts.device;
        }
        Verdict::Read(known)
    }
}
