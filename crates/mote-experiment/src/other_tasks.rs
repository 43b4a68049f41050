//! Windows of other tasks, read when a technique first asks for them.

use crate::settings::DataSettings;
use mote_data::Windows;
use mote_techniques::Others;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Reads each task once, segmented as the task at hand.
#[derive(Debug)]
pub struct OtherTasks {
    data: DataSettings,
    read: Mutex<HashMap<String, Arc<Windows>>>,
}

impl OtherTasks {
    /// Returns tasks of the folder of `data`; nothing is read yet.
    pub fn new(data: DataSettings) -> Self {
        Self {
            data,
            read: Mutex::default(),
        }
    }
}

impl Others for OtherTasks {
    fn windows(&self, task: &str) -> Result<Arc<Windows>, String> {
        // Held while data is read, so that two folds do not read the same.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(windows) = read.get(task) {
            return Ok(Arc::clone(windows));
        }
        let named = mote_data::task(task).map_err(|e| e.to_string())?;
        let loaded = mote_data::load(&named, self.data.folder.as_deref(), &self.data.window);
        let windows = Arc::new(loaded.map_err(|e| e.to_string())?.windows);
        read.insert(task.to_owned(), Arc::clone(&windows));
        Ok(windows)
    }
}
