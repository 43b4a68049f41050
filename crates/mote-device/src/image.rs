//! Builds the firmware for one pipeline, and keeps what it built.

use crate::Error;
use crate::core::{Core, Machine, Optimize};
use crate::process::run;
use crate::toolchain::{Method, Toolchain};
use mote_model::{FirmwareFeature, PipelineSource};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Seconds a build may take; the first one compiles `core`.
const BUILD_SECONDS: u64 = 1200;

/// Builds firmware from a checkout of the sources, and keeps the images in a cache.
#[derive(Debug)]
pub struct FirmwareBuilder {
    home: PathBuf,
    cache: PathBuf,
    toolchains: Mutex<HashMap<&'static str, Toolchain>>,
}

/// The two images of one pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Start-up, engine, model: the one whose bytes count.
    pub deploy: PathBuf,
    /// The same inference with test windows from outside.
    pub measure: PathBuf,
    /// The compiler's version line and how `core` was had.
    pub toolchain: String,
}

/// How an image is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildSettings {
    /// The core.
    pub core: Core,
    /// The optimisation.
    pub optimize: Optimize,
    /// The machine whose memory map it gets.
    pub machine: Machine,
    /// Bytes set aside for the stack.
    pub stack: u32,
}

impl BuildSettings {
    /// Returns settings for `core`'s own machine with ample stack: a quarter of RAM, at most 64 KiB.
    pub fn new(core: Core, optimize: Optimize) -> Self {
        Self::on(core.machine(), core, optimize)
    }

    /// Returns settings as [`BuildSettings::new`] does, for another machine.
    pub fn on(machine: Machine, core: Core, optimize: Optimize) -> Self {
        Self {
            core,
            optimize,
            machine,
            stack: (machine.ram.length / 4).min(64 * 1024),
        }
    }

    fn memory(&self) -> String {
        let Machine { flash, ram, .. } = self.machine;
        format!(
            "{:#x} {:#x} {:#x} {:#x} {:#x}",
            flash.origin, flash.length, ram.origin, ram.length, self.stack
        )
    }
}

/// Does `work` on the core's own machine, or on one with more memory when that is too small.
pub(crate) fn on_large_enough<T>(
    core: Core,
    work: impl Fn(Machine) -> Result<T, Error>,
) -> Result<T, Error> {
    let too_small = |error: &Error| match error {
        Error::Build { log, .. } => log.contains("will not fit in region"),
        Error::OutOfMemory { .. } => true,
        _ => false,
    };
    match (work(core.machine()), core.processor().large_machine) {
        (Err(error), Some(large)) if too_small(&error) => work(large),
        (done, _) => done,
    }
}

impl FirmwareBuilder {
    /// Uses the checkout at `MOTE_HOME`, or else the one this program was compiled from; keeps its files in
    /// `MOTE_CACHE`, or else below the checkout's `target`.
    ///
    /// # Errors
    /// [`Error::NoSources`] when there is no checkout.
    pub fn locate() -> Result<Self, Error> {
        let built_from = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let home =
            env::var_os("MOTE_HOME").map_or_else(|| PathBuf::from(built_from), PathBuf::from);
        let no_sources = |_| Error::NoSources { path: home.clone() };
        let absolute = home.canonicalize().map_err(no_sources)?;
        let cache = env::var_os("MOTE_CACHE")
            .map_or_else(|| absolute.join("target/mote-device"), PathBuf::from);
        Self::at(absolute, cache)
    }

    /// Uses the checkout at `home` and keeps files in `cache`.
    ///
    /// # Errors
    /// [`Error::NoSources`] when there is no checkout.
    pub fn at(home: PathBuf, cache: PathBuf) -> Result<Self, Error> {
        if !home.join("firmware/Cargo.toml").is_file() {
            return Err(Error::NoSources { path: home });
        }
        fs::create_dir_all(&cache).map_err(Error::io(&cache))?;
        let cache = cache.canonicalize().map_err(Error::io(&cache))?;
        Ok(Self {
            home,
            cache,
            toolchains: Mutex::default(),
        })
    }

    /// Returns the directory in which files are kept.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Returns how images for `core` are compiled.
    ///
    /// # Errors
    /// Those of [`Toolchain::find`].
    pub fn toolchain(&self, core: Core) -> Result<Toolchain, Error> {
        let target = core.target();
        let mut known = self
            .toolchains
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(toolchain) = known.get(target) {
            return Ok(toolchain.clone());
        }
        let toolchain = Toolchain::find(core, &self.cache)?;
        known.insert(target, toolchain.clone());
        Ok(toolchain)
    }

    /// Builds both images of `pipeline`, or takes them from the cache.
    ///
    /// # Errors
    /// When nothing compiles for the core, or the pipeline does not compile.
    pub fn build(
        &self,
        pipeline: &PipelineSource,
        settings: &BuildSettings,
    ) -> Result<Images, Error> {
        let toolchain = self.toolchain(settings.core)?;
        let key = self.key(pipeline, settings, &toolchain)?;
        let kept = self.cache.join("images").join(key);
        let images = Images {
            deploy: kept.join("deploy"),
            measure: kept.join("measure"),
            toolchain: toolchain.to_string(),
        };
        if images.deploy.is_file() && images.measure.is_file() {
            return Ok(images);
        }
        // Cargo writes every pipeline's image to the same place: nobody else may build until it is copied.
        let _lock = self.lock("firmware")?;
        let built = self.cargo(pipeline, settings, &toolchain)?;
        fs::create_dir_all(&kept).map_err(Error::io(&kept))?;
        for (name, to) in [("deploy", &images.deploy), ("measure", &images.measure)] {
            // Renamed into place, so that an interrupted copy is never taken for an image.
            let part = to.with_extension("part");
            fs::copy(built.join(name), &part).map_err(Error::io(built.join(name)))?;
            fs::rename(&part, to).map_err(Error::io(to))?;
        }
        Ok(images)
    }

    /// Runs cargo in `firmware/` and returns the directory it wrote to.
    fn cargo(
        &self,
        pipeline: &PipelineSource,
        settings: &BuildSettings,
        toolchain: &Toolchain,
    ) -> Result<PathBuf, Error> {
        let target = settings.core.target();
        let out = self.cache.join("firmware");
        let dir = self.write(pipeline)?;
        let features: Vec<&str> = pipeline.features.iter().map(|f| f.name()).collect();
        let mut command = Command::new("cargo");
        command
            .current_dir(self.home.join("firmware"))
            .args([
                "build",
                "--release",
                "--quiet",
                "--bins",
                "--target",
                target,
            ])
            .args(["--features", &features.join(",")])
            .arg("--target-dir")
            .arg(&out)
            .env("MOTE_PIPELINE_DIR", &dir)
            .env("MOTE_MEMORY", settings.memory())
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", settings.optimize.level())
            .env("RUSTC", &toolchain.rustc);
        // What the caller compiles with is not for the device.
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
        ] {
            command.env_remove(name);
        }
        if toolchain.method == Method::BuildStd {
            let libraries = match pipeline.needs(FirmwareFeature::Heap) {
                true => "core,alloc",
                false => "core",
            };
            command
                .arg(format!("-Zbuild-std={libraries}"))
                .env("RUSTC_BOOTSTRAP", "1");
        }
        let mut flags = vec![format!("-Ctarget-cpu={}", settings.core.processor().cpu)];
        flags.extend(toolchain.linker_flags(settings.core.processor().architecture));
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        let output = run(&mut command, BUILD_SECONDS)?;
        if output.status.success() {
            return Ok(out.join(target).join("release"));
        }
        Err(Error::Build {
            what: format!("the firmware of {} for {target}", dir.display()),
            log: output.tail(40),
        })
    }

    /// Writes `pipeline.rs` to a directory of its own, named after the content, and returns the directory.
    fn write(&self, pipeline: &PipelineSource) -> Result<PathBuf, Error> {
        let digest = hex(Sha256::new_with_prefix(&pipeline.text));
        let dir = self.cache.join("sources").join(digest);
        let file = dir.join("pipeline.rs");
        // An unchanged file keeps its time, so that cargo compiles nothing again.
        if !fs::read_to_string(&file).is_ok_and(|text| text == pipeline.text) {
            fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
            fs::write(&file, &pipeline.text).map_err(Error::io(&file))?;
        }
        Ok(dir)
    }

    /// Builds the emulator's plugin, or takes it as built before.
    ///
    /// # Errors
    /// When the host's compiler fails.
    pub fn plugin(&self) -> Result<PathBuf, Error> {
        let name = format!(
            "{}mote_qemu_plugin{}",
            env::consts::DLL_PREFIX,
            env::consts::DLL_SUFFIX
        );
        let mut hash = Sha256::new();
        absorb(&mut hash, &self.home.join("crates/mote-qemu-plugin"))?;
        let kept = self.cache.join("plugin").join(hex(hash)).join(&name);
        if kept.is_file() {
            return Ok(kept);
        }
        let _lock = self.lock("plugin-build")?;
        let out = self.cache.join("plugin-build");
        let mut command = Command::new("cargo");
        command
            .current_dir(&self.home)
            .args([
                "build",
                "--release",
                "--quiet",
                "--package",
                "mote-qemu-plugin",
                "--target-dir",
            ])
            .arg(&out);
        let output = run(&mut command, BUILD_SECONDS)?;
        if !output.status.success() {
            return Err(Error::Build {
                what: "the emulator's plugin".to_owned(),
                log: output.tail(40),
            });
        }
        let built = out.join("release").join(&name);
        let dir = kept.with_file_name("");
        fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
        let part = kept.with_extension("part");
        fs::copy(&built, &part).map_err(Error::io(&built))?;
        fs::rename(&part, &kept).map_err(Error::io(&kept))?;
        Ok(kept)
    }

    /// Waits for and takes the lock `name`; it is given back when the file closes.
    fn lock(&self, name: &str) -> Result<File, Error> {
        let path = self.cache.join(format!("{name}.lock"));
        let file = File::create(&path).map_err(Error::io(&path))?;
        file.lock().map_err(Error::io(&path))?;
        Ok(file)
    }

    /// Returns a name for everything an image depends on.
    fn key(
        &self,
        pipeline: &PipelineSource,
        settings: &BuildSettings,
        toolchain: &Toolchain,
    ) -> Result<String, Error> {
        let mut hash = Sha256::new();
        hash.update(format!("{settings:?} {toolchain} {:?} ", pipeline.features));
        hash.update(&pipeline.text);
        for source in ["firmware", "crates/mote"] {
            absorb(&mut hash, &self.home.join(source))?;
        }
        Ok(hex(hash))
    }
}

/// Adds names and contents of the files below `dir` to `hash`; build output, tests and benchmarks excepted.
fn absorb(hash: &mut Sha256, dir: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(dir).map_err(Error::io(dir))?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::io(dir))?;
    paths.sort();
    for path in paths {
        let name = path.file_name().expect("entries of a directory have names");
        hash.update(name.as_encoded_bytes());
        hash.update([0]);
        if !path.is_dir() {
            let bytes = fs::read(&path).map_err(Error::io(&path))?;
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        } else if !["target", "tests", "benches"]
            .iter()
            .any(|skip| name == *skip)
        {
            absorb(hash, &path)?;
        }
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest.iter().take(12).map(|b| format!("{b:02x}")).collect()
}
