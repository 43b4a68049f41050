//! Dynamic loading: weights live outside the image and are paged through a small window in RAM.
//!
//! The image keeps, per page, where it lies and its CRC-32. Before a layer runs, its weights are read from the storage
//! (a serial flash chip, say) into the window and checked; a layer too large for the window is computed a few output
//! channels at a time. With two buffers, a page comes into one half of the window while the other is computed with,
//! where the storage can do that. Outputs stay bit for bit the same. A damaged or missing page is an error, never a
//! wrong answer. After the dynamic loading of Katsaragakis et al. (ISCAS 2020), there for Python modules.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_codegen::paging;
use mote_model::{Backend, PageBuffers, WeightMemory};

/// Bytes of the window, when nobody says otherwise.
const WINDOW: usize = 1024;

/// See the [module's description](self).
pub struct Paged;

impl Technique for Paged {
    fn name(&self) -> &'static str {
        "paged"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "weights outside the image, loaded page by page into a small window and checked"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "window",
                "bytes of RAM that weights pass through, at most (default 1024)",
            ),
            (
                "buffers",
                "parts of the window: 1, or 2, of which one is filled while the other is computed with (default 1)",
            ),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        _: &Context,
    ) -> Result<Change, Error> {
        let runtime = artifact.runtime;
        self.once(matches!(runtime.weights, WeightMemory::Paged { .. }))?;
        if runtime.backend != Backend::Compiled {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "only compiled code pages its weights; name `flatten` before it".into(),
            });
        }
        let window = options.get("window", WINDOW)?;
        let buffers = match options.get("buffers", 1)? {
            1 => PageBuffers::One,
            2 => PageBuffers::Two,
            other => {
                return Err(Error::Option {
                    technique: self.name(),
                    option: "buffers".to_owned(),
                    what: format!("a window has 1 or 2, not {other}"),
                });
            }
        };
        artifact.runtime = runtime.paged(window, buffers);
        let network = artifact.network()?;
        let lines = paging(&network, artifact.runtime)?
            .map(|p| {
                format!(
                    "{} bytes of weights move to an external storage, and come back in {} pages through {} bytes of RAM{}",
                    p.bytes,
                    p.pages,
                    p.window,
                    match buffers {
                        PageBuffers::One => "",
                        PageBuffers::Two => ", a page into one half while the other is computed with",
                    }
                )
            })
            .into_iter()
            .collect();
        Ok(Change {
            technique: self.name().to_owned(),
            lines,
        })
    }
}
