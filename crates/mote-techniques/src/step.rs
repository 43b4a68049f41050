//! One step of a pipeline: a technique with its options, as text, as data and as a value.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::options::{self, TechniqueInfo};
use crate::technique::{Change, Kind, Technique};
use crate::{arena, contrastive, filter, flatten, int8, lazy, paged, pca, prune_channels, qat};
use crate::{static_pruning, streaming};
use mote_model::Graph;
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The field that names the technique where a step is written as data.
const TECHNIQUE: &str = "technique";

/// Declares [`Step`], and everything that has a case per technique.
macro_rules! registry {
    ($($module:ident::$technique:ident,)*) => {
        /// A technique with its options.
        ///
        /// As text it is `name` or `name:option=value,option=value`, with the options that differ from their defaults
        /// ([`FromStr`], [`Display`](fmt::Display)). As data it is a map, `{"technique": "int8", "bits": 4}`, that is
        /// written with every option and read with any of them; the text is read there, too.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Step {
            $(
                #[doc = concat!("`", stringify!($module), "`, see [`", stringify!($technique), "`](crate::", stringify!($technique), ").")]
                $technique($module::$technique),
            )*
        }

        $(
            impl From<$module::$technique> for Step {
                fn from(technique: $module::$technique) -> Self {
                    Self::$technique(technique)
                }
            }
        )*

        /// Describes every technique there is, in the order in which a pipeline usually names them.
        pub fn registry() -> Vec<TechniqueInfo> {
            vec![$(options::describe::<$module::$technique>()),*]
        }

        impl Step {
            /// Returns the technique's name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$technique(_) => <$module::$technique as Technique>::NAME,)*
                }
            }

            /// Changes the artifact.
            ///
            /// # Errors
            /// As [`Technique::apply`].
            pub fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
                let filtered = artifact.filter.is_some().then(|| artifact.graph.clone());
                let (change, kind) = match self {
                    $(Self::$technique(technique) => {
                        let kind = <$module::$technique as Technique>::KIND;
                        (technique.apply(artifact, context)?, kind)
                    })*
                };
                if let Some(before) = filtered {
                    behind_a_filter(self.name(), kind, &before, &artifact.graph)?;
                }
                Ok(change)
            }

            fn from_text(name: &str, text: &str) -> Result<Self, Error> {
                match name {
                    $(<$module::$technique as Technique>::NAME => {
                        Ok(Self::$technique(options::read(text)?))
                    })*
                    _ => Err(unknown(name)),
                }
            }

            fn from_data(name: &str, data: Map<String, Value>) -> Result<Self, Error> {
                match name {
                    $(<$module::$technique as Technique>::NAME => {
                        Ok(Self::$technique(options::from_data(data)?))
                    })*
                    _ => Err(unknown(name)),
                }
            }

            /// Returns the options that differ from their defaults, as text.
            fn changed_options(&self) -> Vec<(String, String)> {
                match self {
                    $(Self::$technique(technique) => options::changed(technique),)*
                }
            }

            /// Returns all options that have a value, as data.
            fn options(&self) -> Vec<(String, Value)> {
                match self {
                    $(Self::$technique(technique) => options::values(technique).into_iter().collect(),)*
                }
            }
        }
    };
}

registry! {
    contrastive::Contrastive,
    pca::Pca,
    prune_channels::PruneChannels,
    qat::Qat,
    int8::Int8,
    static_pruning::StaticPruning,
    flatten::Flatten,
    lazy::Lazy,
    arena::Arena,
    streaming::Streaming,
    filter::Filter,
    paged::Paged,
}

/// Refuses what `technique` made of the network `before` when a filter was set on that already.
fn behind_a_filter(
    technique: &'static str,
    kind: Kind,
    before: &Graph,
    after: &Graph,
) -> Result<(), Error> {
    let why = match kind {
        _ if after.has_exits() => {
            "an early exit ends a run before the filter, which would miss that decision; use `lazy` or `filter`"
                .to_owned()
        }
        Kind::Model if before != after => format!(
            "it changes the network that the filter was set on; name `{technique}` before `filter`"
        ),
        _ => return Ok(()),
    };
    Err(Error::Impossible { technique, why })
}

fn unknown(name: &str) -> Error {
    let known: Vec<_> = registry().iter().map(|t| t.name).collect();
    Error::Unknown {
        name: name.to_owned(),
        known: known.join(", "),
    }
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        Self::from_text(name.trim(), options)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        for (i, (option, value)) in self.changed_options().iter().enumerate() {
            let before = if i == 0 { ':' } else { ',' };
            write!(f, "{before}{option}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(TECHNIQUE, self.name())?;
        for (option, value) in self.options() {
            map.serialize_entry(&option, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let step = match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse(),
            Value::Object(mut data) => match data.remove(TECHNIQUE) {
                Some(Value::String(name)) => Self::from_data(&name, data),
                _ => return Err(D::Error::custom("a step needs `technique`, its name")),
            },
            other => {
                return Err(D::Error::custom(format!(
                    "{other} is not a step of a pipeline; write \"name\" or \"name:option=value,option=value\""
                )));
            }
        };
        step.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_known() {
        let all = registry();
        let names: BTreeSet<_> = all.iter().map(|t| t.name).collect();
        assert_eq!(names.len(), all.len());
        for name in names {
            let step: Step = name.parse().unwrap();
            assert_eq!((step.name(), step.to_string().as_str()), (name, name));
        }
    }

    #[test]
    fn a_step_reads_back_from_its_text_and_from_its_data() {
        for text in [
            "contrastive:epochs=30,head=finetune",
            "contrastive:epochs=0,labels=0.01",
            "contrastive:augment=rotation:1.5/time-warp,others=motionsense/6+wisdm/5,supervised=true,labels=1,of=windows",
            "contrastive:temperature=0.2,batch=64,tune=5,rate=0.001",
            "pca:components=10,head=mlp",
            "pca:variance=0.8,head=mlp,hidden=8,epochs=20",
            "prune-channels:share=0.3,criterion=bn,epochs=5",
            "prune-channels:bytes=4096,steps=3,rate=0.001",
            "qat:bits=4,epochs=2,rate=0.0001",
            "int8:calibration=percentile,windows=100",
            "int8:bits=4",
            "int8:mixed=0.4",
            "lazy:exit=conv2,loss=0.02,windows=500",
            "lazy:exit=none",
            "stream:hop=20,tick=10",
            "filter:dwell=30,weight=0.3",
            "filter:confidence=true",
            "paged:window=512",
        ] {
            let step: Step = text.parse().unwrap();
            assert_eq!(step.to_string(), text);
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(serde_json::from_str::<Step>(&json).unwrap(), step, "{json}");
            let quoted = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Step>(&quoted).unwrap(), step);
        }
    }

    #[test]
    fn defaults_are_not_in_the_text_but_in_the_data() {
        let step: Step = "int8: calibration=mse , bits=8".parse().unwrap();
        assert_eq!(step.to_string(), "int8");
        assert_eq!(
            serde_json::to_string(&step).unwrap(),
            r#"{"technique":"int8","calibration":"mse","windows":512,"bits":8,"mixed":0.0}"#
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_there_is() {
        for (text, parts) in [
            ("int9", &["`int9`", "int8", "qat"][..]),
            (
                "int8:calibration=mze",
                &["int8", "calibration", "`mze`", "minmax, percentile, mse"],
            ),
            (
                "int8:calibrate=mse",
                &["int8", "calibrate", "calibration, windows, bits, mixed"],
            ),
            ("int8:calibration", &["int8", "calibration", "name=value"]),
            ("int8:windows=0", &["windows", "`0`", "whole number from 1"]),
            (
                "int8:windows=many",
                &["windows", "`many`", "whole number from 1"],
            ),
            ("int8:windows=-3", &["windows", "`-3`"]),
            ("int8:bits=5", &["bits", "`5`", "8, 4"]),
            ("int8:bits=4,bits=8", &["bits", "twice"]),
            ("int8:mixed=0.5", &["mixed", "from 0 to below 0.5"]),
            ("int8:mixed=nan", &["mixed", "`nan`"]),
            ("int8:mixed=0.1,bits=4", &["mixed", "bits=4"]),
            ("qat:bits=9", &["bits", "from 2 to 8"]),
            ("qat:rate=0", &["rate", "above 0"]),
            ("prune-channels:share=1", &["share", "above 0 and below 1"]),
            ("prune-channels:bytes=900,share=0.3", &["share", "`bytes`"]),
            ("lazy:loss=2", &["loss", "from 0 to below 1"]),
            ("pca:components=3,variance=0.9", &["variance", "not both"]),
            ("pca:head=cnn", &["head", "lda, mlp"]),
            ("pca:hidden=8", &["hidden", "head=mlp"]),
            ("stream:hop=20,tick=7", &["tick", "20"]),
            (
                "contrastive:supervised=yes",
                &["supervised", "true or false"],
            ),
            (
                "contrastive:augment=crop",
                &["augment", "`crop`", "rotation, scaling, jitter, time-warp"],
            ),
            ("contrastive:augment=jitter:much", &["augment", "`much`"]),
            ("arena:size=3", &["arena", "size", "no options"]),
        ] {
            let message = text.parse::<Step>().unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{text}: {message}");
            }
        }
        for data in [
            r#"{"technique":"int8","calibration":"mze"}"#,
            r#"{"technique":"int8","bits":"four"}"#,
            r#"{"technique":"int8","bits":5}"#,
            r#"{"technique":"int8","mixed":0.1,"bits":4}"#,
            r#"{"technique":"int8","colour":1}"#,
            r#"{"bits":4}"#,
            "3",
        ] {
            assert!(serde_json::from_str::<Step>(data).is_err(), "{data}");
        }
    }
}
