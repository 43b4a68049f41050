//! Weights outside the image: what lies in the storage, and the code that brings it page by page.

use super::code::Code;
use crate::source::{Paging, words_list};
use mote::Page;
use mote::describe::Weighted;
use mote::kernels::conv1d::{self, Shape};
use mote::kernels::conv1d_i4;
use mote::kernels::depthwise;
use mote_model::{Error, WeightMemory};

/// Parts of the source that differ when weights are paged.
pub(super) struct Frame {
    /// What the file is.
    pub how: &'static str,
    /// Parameters of the pipeline's type.
    pub parameters: &'static str,
    /// From the first `impl` up to the body of the constructor.
    pub constructor: &'static str,
}

pub(super) const RESIDENT: Frame = Frame {
    how: "one function per layer.",
    parameters: "",
    constructor: "impl Pipeline {
    pub const fn new() -> Self {
",
};

pub(super) const PAGED: Frame = Frame {
    how: "one function per layer, weights paged from a storage.",
    parameters: "<S = &'static [u32]>",
    constructor: "impl Pipeline {
    /// Weights in memory that the core can address.
    pub const fn new() -> Self {
        Self::over(&external::WEIGHTS)
    }
}

impl<S: mote::Storage> Pipeline<S> {
    /// Weights in `storage`, which holds `external::WEIGHTS`.
    pub const fn over(storage: S) -> Self {
",
};

/// What layers with weights take: parameter of the function, arguments, their types.
pub(super) const ARGUMENTS: (&str, &str, &str) = (
    "<S: mote::Storage>",
    ", &mut self.storage, &mut self.window",
    ", storage: &mut S, window: &mut Window",
);

pub(super) const FIELDS: &str = "    storage: S,\n    window: Window,\n";

/// A run that may fail halfway: some of what a stream keeps has moved on then, and some has not.
pub(super) const RESTART: &str = "    /// After an error the stream begins anew.
    pub fn run(&mut self) -> Result<bool, Error> {
        let result = self.layers();
        if result.is_err() {
            self.arena.0 = [Default::default(); ARENA_LEN];
        }
        result
    }

";

/// What the storage holds, and the window it passes through.
pub(super) struct Pages {
    /// Words a page may have.
    limit: usize,
    /// Words of the largest.
    largest: usize,
    count: usize,
    words: Vec<u32>,
}

impl Pages {
    /// Returns an empty storage and its window; `None` when `weights` are not paged.
    pub fn new(weights: WeightMemory) -> Option<Self> {
        let WeightMemory::Paged { window } = weights else {
            return None;
        };
        Some(Self {
            limit: window / 4,
            largest: 0,
            count: 0,
            words: Vec::new(),
        })
    }

    /// Writes the window's type and its first value. It is as large as the largest page.
    pub fn window(&self) -> (String, String) {
        let words = self.largest;
        (
            format!("type Window = [u32; {words}];\n"),
            format!("            storage,\n            window: [0; {words}],\n"),
        )
    }

    pub fn summary(&self) -> Paging {
        Paging {
            window: 4 * self.largest,
            pages: self.count,
            bytes: 4 * self.words.len(),
        }
    }

    /// Writes the contents of the storage as a module.
    pub fn module(&self) -> String {
        format!(
            "/// What the storage holds.\n\
             pub mod external {{\n\
             \x20   #[cfg_attr(target_os = \"none\", unsafe(link_section = \".external\"))]\n\
             \x20   pub static WEIGHTS: [u32; {}] = {};\n\
             }}\n\n",
            self.words.len(),
            words_list(&self.words)
        )
    }

    /// Puts a page behind those there are.
    fn add(&mut self, words: &[u32]) -> Page {
        let page = Page::of(words, self.words.len() as u32);
        self.words.extend_from_slice(words);
        self.largest = self.largest.max(words.len());
        self.count += 1;
        page
    }
}

/// A convolution whose parameters are paged.
pub(super) struct Paged<'a> {
    pub name: &'a str,
    /// Name of what it puts into `model_data`.
    pub constant: &'a str,
    pub weighted: Weighted<'a>,
    pub shape: Shape,
    pub words: &'a [u32],
    /// The kernel's function that computes some output channels.
    pub entry: &'static str,
    /// Its last argument, of kernels that unpack their weights.
    pub scratch: String,
}

/// How parameters can be cut: into units of output channels. Each has so many words in each section of the
/// parameters (biases and factors, then weights).
struct Units {
    count: usize,
    channels: usize,
    sections: Vec<usize>,
    /// The last unit is half as long.
    half: bool,
    /// The weights of two units lie in turns, a group of four taps each.
    paired: bool,
}

impl Units {
    /// Returns the units of a kernel; `None` when the output channels are in groups.
    fn of(weighted: &Weighted<'_>, shape: &Shape) -> Option<Self> {
        let taps = shape.rows().taps();
        let (channels, sections) = match weighted {
            Weighted::DepthwiseI8(_) => {
                (depthwise::BLOCK, vec![2 * depthwise::BLOCK, shape.kernel])
            }
            Weighted::DepthwiseF32(_) => (1, vec![1; 1 + shape.kernel]),
            _ if shape.group_inputs != shape.in_channels => return None,
            Weighted::ConvI8(_) => (2, vec![4, 2 * taps.div_ceil(4)]),
            Weighted::ConvI4(_) => (conv1d_i4::BLOCK, vec![8, 2 * taps.div_ceil(4)]),
            Weighted::ConvF32(_) => (conv1d::BLOCK, vec![conv1d::BLOCK, conv1d::BLOCK * taps]),
        };
        Some(Self {
            count: shape.out_channels.div_ceil(channels),
            channels,
            sections,
            half: matches!(weighted, Weighted::ConvI4(_))
                && (1..=2).contains(&(shape.out_channels % channels)),
            paired: matches!(weighted, Weighted::ConvI8(_)),
        })
    }

    fn words(&self) -> usize {
        self.sections.iter().sum()
    }

    /// Returns the parameters of the units `first..end`, laid out as those of a convolution with these units only.
    fn cut(&self, words: &[u32], first: usize, end: usize) -> Vec<u32> {
        let mut start = 0;
        let mut cut = Vec::new();
        for (section, unit) in self.sections.iter().enumerate() {
            let len = self.count * unit - if self.half { unit / 2 } else { 0 };
            let own = words
                .get(start..start + len)
                .expect("the sections are all of the parameters");
            if self.paired && section > 0 {
                self.cut_pairs(own, *unit, first, end, &mut cut);
            } else {
                let units = first * unit..len.min(end * unit);
                cut.extend_from_slice(own.get(units).expect("the units are in the section"));
            }
            start += len;
        }
        cut
    }

    /// Cuts weights that are paired. In the cut they are paired anew, because the first unit may have been a second one.
    fn cut_pairs(&self, words: &[u32], unit: usize, first: usize, end: usize, cut: &mut Vec<u32>) {
        for two in (first..end).step_by(2) {
            for group in 0..unit / 2 {
                for now in two..end.min(two + 2) {
                    let before = now - now % 2;
                    let together = (self.count - before).min(2);
                    let at = before * unit + 2 * (group * together + now % 2);
                    let pair = words.get(at..at + 2);
                    cut.extend_from_slice(pair.expect("each unit has whole groups of taps"));
                }
            }
        }
    }
}

impl Paged<'_> {
    /// Writes the code. `construct` writes the statements that bind `conv`, the kernel of a shape and parameters.
    pub fn code(
        &self,
        pages: &mut Pages,
        construct: impl Fn(&str, &str) -> String,
    ) -> Result<Code, Error> {
        let constant = format!("{}_PAGES", self.constant);
        let whole = format!("kernels::conv1d::{:?}", self.shape);
        let (row, entry, scratch) = (self.shape.out_channels, self.entry, &self.scratch);
        let (list, work) = if self.words.len() <= pages.limit {
            let conv = construct(&whole, "parameters");
            // As a tile, so that only one function of each kernel is linked.
            let work = format!("{conv}    conv.{entry}(input, output, 0, {row}{scratch})");
            (vec![pages.add(self.words)], work)
        } else {
            let (units, per_page) = self.tiles(pages.limit)?;
            let list = (0..units.count)
                .step_by(per_page)
                .map(|first| {
                    let end = units.count.min(first + per_page);
                    pages.add(&units.cut(self.words, first, end))
                })
                .collect();
            let conv = construct("shape", "parameters");
            // Of a depthwise convolution, each channel is an input and a group of its own.
            let tile = match self.weighted {
                Weighted::DepthwiseI8(_) | Weighted::DepthwiseF32(_) => "in_channels: channels",
                _ => "group_outputs: channels",
            };
            let work = format!(
                "let channels = {}.min({row}usize.saturating_sub(first));\n        \
                 let whole = {whole};\n        \
                 let shape = kernels::conv1d::Shape {{ out_channels: channels, {tile}, ..whole }};\n        \
                 {conv}        \
                 conv.{entry}(input, output, first, {row}{scratch})?;\n        \
                 first += channels;\n",
                per_page * units.channels
            );
            (list, work)
        };
        let call = match list.len() {
            1 => format!(
                "let [page] = &model_data::{constant};\n    \
                 let parameters = page.load(storage, window)?;\n    \
                 {work}"
            ),
            _ => format!(
                "let mut first = 0;\n    \
                 for page in &model_data::{constant} {{\n        \
                 let parameters = page.load(storage, window)?;\n        \
                 {work}    }}\n    \
                 Ok(())"
            ),
        };
        let items: Vec<String> = list.iter().map(|page| format!("mote::{page:?}")).collect();
        Ok(Code {
            data: format!(
                "    pub static {constant}: [mote::Page; {}] = [{}];\n",
                items.len(),
                items.join(", ")
            ),
            call,
            reads_weights: true,
        })
    }

    /// Returns how the parameters are cut, and how many units each page has. Pages are as even as possible.
    fn tiles(&self, limit: usize) -> Result<(Units, usize), Error> {
        let units = Units::of(&self.weighted, &self.shape);
        let least = units.as_ref().map_or(self.words.len(), Units::words);
        match units {
            Some(units) if least <= limit => {
                let tiles = units.count.div_ceil(limit / least);
                let per_page = units.count.div_ceil(tiles);
                Ok((units, per_page))
            }
            _ => Err(Error::invalid(
                self.name,
                "window",
                format!(
                    "its weights need a window of {} bytes at least, not {}; page through a larger one",
                    4 * least,
                    4 * limit
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote::kernels::conv1d_i4::Conv1dI4;
    use mote::quant::{Output, Rounding};

    #[test]
    fn packed_weights_are_cut_between_blocks_and_the_last_may_be_half_a_block() {
        // Three pairs of channels, of four words each, then of two words per pair.
        let shape = Shape::dense(8, 6);
        let words: Vec<u32> = (0..18).collect();
        let output = Output {
            zero_point: 0,
            low: i8::MIN,
            high: i8::MAX,
        };
        let conv = Conv1dI4::new(shape, 0, output, Rounding::Once, &words).unwrap();
        let units = Units::of(&Weighted::ConvI4(conv), &shape).unwrap();
        assert_eq!((units.count, units.words()), (2, 12));
        let first: Vec<u32> = (0..8).chain(12..16).collect();
        assert_eq!(units.cut(&words, 0, 1), first);
        let last: Vec<u32> = (8..12).chain(16..18).collect();
        assert_eq!(units.cut(&words, 1, 2), last);
        assert_eq!(units.cut(&words, 0, 2), words);
    }
}
