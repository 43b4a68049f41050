//! The part of the TensorFlow Lite schema (version 3) that the importer reads.
//!
//! Field numbers are those of the official `schema.fbs`: a table's fields count from 0 in the order they are
//! declared there, a union takes two. Every access is bounds-checked by `planus`, so a corrupt file is an error.

use mote_model::Error;
use planus::errors::ErrorKind;
use planus::table_reader::Table;
use planus::{SliceWithStartOffset, TableRead, Vector, VectorReadInner};

/// Most entries of a vector of tables, shapes, scales or indices.
const MAX_ENTRIES: usize = 4096;

/// `TensorType`.
pub mod kind {
    pub const FLOAT32: i8 = 0;
    pub const FLOAT16: i8 = 1;
    pub const INT32: i8 = 2;
    pub const UINT8: i8 = 3;
    pub const INT64: i8 = 4;
    pub const INT8: i8 = 9;
}

/// A model with its first subgraph, which is the main one.
pub struct Model<'a> {
    pub tensors: Vec<Tensor<'a>>,
    pub operators: Vec<Operator<'a>>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
}

/// An activation, or a constant when `data` is not empty.
pub struct Tensor<'a> {
    pub name: &'a str,
    pub shape: Vec<i32>,
    /// One of [`kind`], or another type.
    pub kind: i8,
    /// Little-endian values of a constant.
    pub data: &'a [u8],
    pub scale: Vec<f32>,
    pub zero_point: Vec<i64>,
    /// Dimension the scales belong to.
    pub axis: i32,
    pub sparse: bool,
    /// The shape, with -1 for what is not known before the network runs; may be empty.
    pub signature: Vec<i32>,
}

/// An operator of the main subgraph.
pub struct Operator<'a> {
    /// `BuiltinOperator`.
    pub code: i32,
    /// Name of a custom operator.
    pub custom: Option<&'a str>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub options: Options<'a>,
}

/// Fields of an operator's option table, all defaults when the file has none.
#[derive(Clone, Copy)]
pub struct Options<'a>(Option<Record<'a>>);

impl Options<'_> {
    /// The byte in `field` (enums and bools), 0 by default.
    pub fn byte(&self, field: usize) -> Result<i8, Error> {
        Ok(self.get(field)?.unwrap_or(0))
    }

    /// The integer in `field`.
    pub fn int(&self, field: usize, default: i32) -> Result<i32, Error> {
        Ok(self.get(field)?.unwrap_or(default))
    }

    /// The float in `field`, 0 by default.
    pub fn float(&self, field: usize) -> Result<f32, Error> {
        Ok(self.get(field)?.unwrap_or(0.0))
    }

    fn get<T: for<'b> TableRead<'b>>(&self, field: usize) -> Result<Option<T>, Error> {
        self.0.map_or(Ok(None), |r| r.get(field, "builtin_options"))
    }
}

impl<'a> Model<'a> {
    /// Reads the tables of `bytes`.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.get(4..8) != Some(b"TFL3") {
            return Err(Error::model_file(
                "header",
                "not a TensorFlow Lite model (no `TFL3` at byte 4)",
            ));
        }
        let buffer = SliceWithStartOffset {
            buffer: bytes,
            offset_from_start: 0,
        };
        let root =
            Table::from_buffer(buffer, 0).map_err(|e| Error::model_file("header", corrupt(&e)))?;
        let root = Record(root);
        let codes = root.records(1, "operator_codes")?;
        let codes: Vec<OperatorCode> = codes
            .into_iter()
            .map(OperatorCode::read)
            .collect::<Result<_, _>>()?;
        let subgraph = root.records(2, "subgraphs")?.into_iter().next();
        let subgraph = subgraph.ok_or_else(|| Error::model_file("subgraphs", "there is none"))?;
        let buffers = root.records(4, "buffers")?;
        let buffers: Vec<&[u8]> = buffers
            .into_iter()
            .map(|b| Ok(b.get(0, "buffer data")?.unwrap_or(&[][..])))
            .collect::<Result<_, Error>>()?;
        let tensors = subgraph.records(0, "tensors")?;
        let operators = subgraph.records(3, "operators")?;
        Ok(Model {
            tensors: tensors
                .into_iter()
                .map(|t| Tensor::read(t, &buffers))
                .collect::<Result<_, _>>()?,
            operators: operators
                .into_iter()
                .map(|o| Operator::read(o, &codes))
                .collect::<Result<_, _>>()?,
            inputs: subgraph.values(1, "subgraph inputs")?,
            outputs: subgraph.values(2, "subgraph outputs")?,
        })
    }
}

impl<'a> Tensor<'a> {
    fn read(table: Record<'a>, buffers: &[&'a [u8]]) -> Result<Self, Error> {
        let buffer = table.get::<u32>(2, "tensor buffer")?.unwrap_or(0);
        let data = usize::try_from(buffer).ok().and_then(|b| buffers.get(b));
        let quantization: Option<Record> = table.get(4, "tensor quantization")?;
        let (mut scale, mut zero_point, mut axis) = (Vec::new(), Vec::new(), 0);
        if let Some(q) = quantization {
            scale = q.values(2, "scale")?;
            zero_point = q.values(3, "zero_point")?;
            axis = q.get(6, "quantized_dimension")?.unwrap_or(0);
        }
        Ok(Tensor {
            name: table.get(3, "tensor name")?.unwrap_or(""),
            shape: table.values(0, "tensor shape")?,
            kind: table.get(1, "tensor type")?.unwrap_or(0),
            data: data.ok_or_else(|| {
                Error::model_file("tensors", format!("there is no buffer {buffer}"))
            })?,
            scale,
            zero_point,
            axis,
            sparse: table.get::<Record>(6, "sparsity")?.is_some(),
            signature: table.values(7, "shape signature")?,
        })
    }
}

struct OperatorCode<'a> {
    code: i32,
    custom: Option<&'a str>,
}

impl<'a> OperatorCode<'a> {
    fn read(table: Record<'a>) -> Result<Self, Error> {
        // Older files have the byte only, newer ones both.
        let byte = table.get::<i8>(0, "deprecated_builtin_code")?.unwrap_or(0);
        let code = table.get::<i32>(3, "builtin_code")?.unwrap_or(0);
        Ok(Self {
            code: code.max(byte.into()),
            custom: table.get(1, "custom_code")?,
        })
    }
}

impl<'a> Operator<'a> {
    fn read(table: Record<'a>, codes: &[OperatorCode<'a>]) -> Result<Self, Error> {
        let index = table.get::<u32>(0, "opcode_index")?.unwrap_or(0);
        let code = usize::try_from(index).ok().and_then(|i| codes.get(i));
        let code = code.ok_or_else(|| {
            Error::model_file("operators", format!("there is no operator code {index}"))
        })?;
        Ok(Self {
            code: code.code,
            custom: code.custom,
            inputs: table.values(1, "operator inputs")?,
            outputs: table.values(2, "operator outputs")?,
            options: Options(table.get(4, "builtin_options")?),
        })
    }
}

/// Any table.
#[derive(Clone, Copy)]
struct Record<'a>(Table<'a>);

impl<'a> Record<'a> {
    fn get<T: TableRead<'a>>(&self, field: usize, name: &'static str) -> Result<Option<T>, Error> {
        self.0.access(field, "table", name).map_err(|e| {
            let place = format!("{name} (table at byte {})", e.source_location.byte_offset);
            Error::model_file(place, corrupt(&e.error_kind))
        })
    }

    fn values<T>(&self, field: usize, name: &'static str) -> Result<Vec<T>, Error>
    where
        T: planus::VectorRead<'a>,
    {
        let vector: Vector<T> = self.get(field, name)?.unwrap_or(Vector::new_empty());
        // Many tables may share one vector, so that a small file could ask for a lot of memory.
        if vector.len() > MAX_ENTRIES {
            let what = format!("{} entries; at most {MAX_ENTRIES} are read", vector.len());
            return Err(Error::model_file(name, what));
        }
        Ok(vector.iter().collect())
    }

    fn records(&self, field: usize, name: &'static str) -> Result<Vec<Record<'a>>, Error> {
        self.values::<Result<Record, ErrorKind>>(field, name)?
            .into_iter()
            .map(|r| r.map_err(|e| Error::model_file(name, corrupt(&e))))
            .collect()
    }
}

impl<'a> TableRead<'a> for Record<'a> {
    fn from_buffer(buffer: SliceWithStartOffset<'a>, offset: usize) -> Result<Self, ErrorKind> {
        Table::from_buffer(buffer, offset).map(Self)
    }
}

impl<'a> VectorReadInner<'a> for Record<'a> {
    type Error = ErrorKind;
    const STRIDE: usize = 4;

    unsafe fn from_buffer(
        buffer: SliceWithStartOffset<'a>,
        offset: usize,
    ) -> Result<Self, ErrorKind> {
        Table::from_buffer(buffer, offset).map(Self)
    }
}

fn corrupt(kind: &ErrorKind) -> String {
    format!("the file is corrupt or cut short: {kind}")
}
