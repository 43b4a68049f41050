//! Activity data sets: recordings, windows and splits.

mod windows;

pub use windows::Windows;
