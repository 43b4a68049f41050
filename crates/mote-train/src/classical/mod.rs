//! Classical baselines on window features: linear discriminant analysis and a random forest.

mod forest;
pub(crate) mod lda;
mod model;
mod spec;
mod tree;

pub use lda::Linear;
pub use model::{Classical, Model};
pub use spec::{Kind, Spec};
pub use tree::{Node, Tree};
