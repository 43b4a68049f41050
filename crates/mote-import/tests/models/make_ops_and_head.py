"""Makes the `ops`, `head` and `leaky` test models: one of each operator the importer knows, in f32 and int8.

    pip install ai-edge-litert tflite flatbuffers numpy && python make.py

Weights are random, scales come from the ranges of the f32 model on random inputs, golden outputs from TensorFlow
Lite's reference kernels (`BUILTIN_REF`).
"""
import json
import flatbuffers
import numpy as np
import tflite as T
from ai_edge_litert.interpreter import Interpreter, OpResolverType

B = T.BuiltinOperator
rng = np.random.default_rng(7)


class Net:
    """Tensors and operators, in the order they are computed."""

    def __init__(self, shape):
        self.tensors, self.ops = [], []
        self.input = self.tensor("input", shape)

    def tensor(self, name, shape, data=None, **more):
        self.tensors.append(dict(name=name, shape=list(shape), data=data, **more))
        return len(self.tensors) - 1

    def ints(self, values):
        values = np.array(values, np.int32)
        return self.tensor("ints", values.shape, values)

    def op(self, code, options, inputs, shape, **more):
        out = self.tensor(f"t{len(self.tensors)}", shape)
        self.ops.append(dict(code=code, options=options, inputs=inputs, output=out, **more))
        self.output = out
        return out

    def weights(self, shape, out, axis):
        fan = np.prod(shape) / out
        w = (rng.normal(size=shape) / np.sqrt(fan)).astype(np.float32)
        b = (rng.normal(size=out) * 0.1).astype(np.float32)
        return (self.tensor("w", shape, w, axis=axis), self.tensor("b", [out], b, bias=True))

    def conv(self, x, shape, filter, fused=0, padding=1, stride=1, dilation=1):
        opt = ("Conv2DOptions", dict(Padding=padding, StrideW=stride, StrideH=1, FusedActivationFunction=fused, DilationWFactor=dilation, DilationHFactor=1))
        return self.op(B.CONV_2D, opt, [x, *self.weights(filter, filter[0], 0)], shape)


def ops():
    n = Net([1, 32, 6])
    x = n.op(B.EXPAND_DIMS, None, [n.input, n.ints([1])], [1, 1, 32, 6])
    x = n.op(B.PAD, ("PadOptions", {}), [x, n.ints([[0, 0], [0, 0], [2, 1], [0, 0]])], [1, 1, 35, 6])
    dw = ("DepthwiseConv2DOptions", dict(Padding=1, StrideW=1, StrideH=1, DepthMultiplier=2, FusedActivationFunction=3, DilationWFactor=1, DilationHFactor=1))
    a = n.op(B.DEPTHWISE_CONV_2D, dw, [x, *n.weights([1, 1, 5, 12], 12, 3)], [1, 1, 31, 12])
    x = n.conv(a, [1, 1, 31, 12], [12, 1, 1, 12])
    x = n.op(B.RELU, None, [x], [1, 1, 31, 12])
    x = n.op(B.ADD, ("AddOptions", dict(FusedActivationFunction=1)), [x, a], [1, 1, 31, 12])
    pool = dict(Padding=0, StrideW=2, StrideH=1, FilterWidth=3, FilterHeight=1)
    x = n.op(B.MAX_POOL_2D, ("Pool2DOptions", pool), [x], [1, 1, 16, 12], same_scale=True)
    x = n.conv(x, [1, 1, 16, 8], [8, 1, 3, 12], padding=0, dilation=2)
    x = n.conv(x, [1, 1, 16, 8], [8, 1, 3, 4], padding=0)
    avg = dict(Padding=0, StrideW=1, StrideH=1, FilterWidth=3, FilterHeight=1)
    x = n.op(B.AVERAGE_POOL_2D, ("Pool2DOptions", avg), [x], [1, 1, 16, 8], same_scale=True)
    x = n.op(B.SQUEEZE, ("SqueezeOptions", {}), [x], [1, 16, 8])
    fc = dict(FusedActivationFunction=0, KeepNumDims=True)
    x = n.op(B.FULLY_CONNECTED, ("FullyConnectedOptions", fc), [x, *n.weights([10, 8], 10, 0)], [1, 16, 10])
    n.op(B.RELU6, None, [x], [1, 16, 10])
    return n


def head():
    n = Net([1, 22, 1, 10])
    x = n.op(B.MEAN, ("ReducerOptions", dict(KeepDims=False)), [n.input, n.ints([1, 2])], [1, 10])
    fc = dict(FusedActivationFunction=0)
    x = n.op(B.FULLY_CONNECTED, ("FullyConnectedOptions", fc), [x, *n.weights([5, 10], 5, 0)], [1, 5])
    n.op(B.SOFTMAX, ("SoftmaxOptions", dict(Beta=1.0)), [x], [1, 5], softmax=True)
    return n


def leaky():
    n = Net([1, 24, 1, 4])
    x = n.conv(n.input, [1, 22, 1, 8], [8, 3, 1, 4])
    x = n.op(B.LEAKY_RELU, ("LeakyReluOptions", dict(Alpha=0.2)), [x], [1, 22, 1, 8])
    x = n.conv(x, [1, 20, 1, 6], [6, 3, 1, 8])
    n.op(B.LEAKY_RELU, ("LeakyReluOptions", dict(Alpha=0.01)), [x], [1, 20, 1, 6])
    return n


RESHAPES = (B.EXPAND_DIMS, B.SQUEEZE, B.RESHAPE, B.PAD)


def quantize(n, ranges):
    """Scales for all tensors, int8 weights, and QUANTIZE and DEQUANTIZE at the ends."""
    for i, t in enumerate(n.tensors):
        if t["data"] is None:
            low, high = min(ranges[i][0], 0.0), max(ranges[i][1], 0.0)
            scale = np.float32((high - low) / 255)
            t["q"] = ([scale], [int(np.clip(round(-128 - low / scale), -128, 127))])
        elif "axis" in t:
            reduced = tuple(d for d in range(t["data"].ndim) if d != t["axis"])
            scales = (np.abs(t["data"]).max(axis=reduced) / 127).astype(np.float32)
            wide = scales.reshape([-1 if d == t["axis"] else 1 for d in range(t["data"].ndim)])
            t["data"] = np.clip(np.round(t["data"] / wide), -127, 127).astype(np.int8)
            t["q"] = (list(scales), [0] * len(scales))
    for o in n.ops:
        if o["code"] in RESHAPES or o.get("same_scale"):
            n.tensors[o["output"]]["q"] = n.tensors[o["inputs"][0]]["q"]
        if o.get("softmax"):
            n.tensors[o["output"]]["q"] = ([np.float32(1 / 256)], [-128])
        for i in o["inputs"]:
            if n.tensors[i].get("bias"):
                x, w = n.tensors[o["inputs"][0]], n.tensors[o["inputs"][1]]
                s = np.array(w["q"][0], np.float64) * np.float64(x["q"][0][0])
                n.tensors[i]["data"] = np.round(n.tensors[i]["data"] / s).astype(np.int32)
                n.tensors[i]["q"] = (list(s.astype(np.float32)), [0] * len(s))
    inner = n.input
    n.input = n.tensor("raw", n.tensors[inner]["shape"])
    n.ops.insert(0, dict(code=B.QUANTIZE, options=None, inputs=[n.input], output=inner))
    n.op(B.DEQUANTIZE, None, [n.output], n.tensors[n.output]["shape"])


def write(n):
    b = flatbuffers.Builder(1 << 16)

    def vector(start, items, push):
        start(b, len(items))
        for item in reversed(items):
            push(item)
        return b.EndVector()

    offsets = lambda start, items: vector(start, items, b.PrependUOffsetTRelative)
    buffers, tensors = [b""], []
    for t in n.tensors:
        kind = T.TensorType.FLOAT32 if "q" not in t else T.TensorType.INT8
        t["buffer"] = 0
        if t["data"] is not None:
            kind = {"float32": T.TensorType.FLOAT32, "int8": T.TensorType.INT8, "int32": T.TensorType.INT32}[str(t["data"].dtype)]
            t["buffer"] = len(buffers)
            buffers.append(t["data"].tobytes())
        q = None
        if "q" in t:
            s = vector(T.QuantizationParametersStartScaleVector, t["q"][0], b.PrependFloat32)
            z = vector(T.QuantizationParametersStartZeroPointVector, t["q"][1], b.PrependInt64)
            T.QuantizationParametersStart(b)
            T.QuantizationParametersAddScale(b, s)
            T.QuantizationParametersAddZeroPoint(b, z)
            T.QuantizationParametersAddQuantizedDimension(b, t.get("axis", 0))
            q = T.QuantizationParametersEnd(b)
        name = b.CreateString(t["name"])
        shape = vector(T.TensorStartShapeVector, t["shape"], b.PrependInt32)
        T.TensorStart(b)
        T.TensorAddShape(b, shape)
        T.TensorAddType(b, kind)
        T.TensorAddBuffer(b, t["buffer"])
        T.TensorAddName(b, name)
        if q is not None:
            T.TensorAddQuantization(b, q)
        tensors.append(T.TensorEnd(b))
    data = []
    for content in buffers:
        v = b.CreateByteVector(content) if content else None
        T.BufferStart(b)
        if v is not None:
            T.BufferAddData(b, v)
        data.append(T.BufferEnd(b))
    codes = sorted({o["code"] for o in n.ops})
    entries = []
    for code in codes:
        T.OperatorCodeStart(b)
        T.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
        # The oldest version that has what is used here: 5 keeps dimensions, 3 and up have int8.
        T.OperatorCodeAddVersion(b, {B.FULLY_CONNECTED: 5, B.CONV_2D: 5, B.SQUEEZE: 1, B.EXPAND_DIMS: 1, B.QUANTIZE: 1}.get(code, 2))
        T.OperatorCodeAddBuiltinCode(b, code)
        entries.append(T.OperatorCodeEnd(b))
    operators = []
    for o in n.ops:
        options = None
        if o["options"]:
            table, fields = o["options"]
            getattr(T, table + "Start")(b)
            for field, value in fields.items():
                getattr(T, f"{table}Add{field}")(b, value)
            options = getattr(T, table + "End")(b)
        i = vector(T.OperatorStartInputsVector, o["inputs"], b.PrependInt32)
        out = vector(T.OperatorStartOutputsVector, [o["output"]], b.PrependInt32)
        T.OperatorStart(b)
        T.OperatorAddOpcodeIndex(b, codes.index(o["code"]))
        T.OperatorAddInputs(b, i)
        T.OperatorAddOutputs(b, out)
        if options is not None:
            T.OperatorAddBuiltinOptionsType(b, getattr(T.BuiltinOptions, o["options"][0]))
            T.OperatorAddBuiltinOptions(b, options)
        operators.append(T.OperatorEnd(b))
    name = b.CreateString("main")
    t = offsets(T.SubGraphStartTensorsVector, tensors)
    i = vector(T.SubGraphStartInputsVector, [n.input], b.PrependInt32)
    o = vector(T.SubGraphStartOutputsVector, [n.output], b.PrependInt32)
    ops_ = offsets(T.SubGraphStartOperatorsVector, operators)
    T.SubGraphStart(b)
    T.SubGraphAddTensors(b, t)
    T.SubGraphAddInputs(b, i)
    T.SubGraphAddOutputs(b, o)
    T.SubGraphAddOperators(b, ops_)
    T.SubGraphAddName(b, name)
    graph = T.SubGraphEnd(b)
    graphs = offsets(T.ModelStartSubgraphsVector, [graph])
    c = offsets(T.ModelStartOperatorCodesVector, entries)
    d = offsets(T.ModelStartBuffersVector, data)
    T.ModelStart(b)
    T.ModelAddVersion(b, 3)
    T.ModelAddOperatorCodes(b, c)
    T.ModelAddSubgraphs(b, graphs)
    T.ModelAddBuffers(b, d)
    b.Finish(T.ModelEnd(b), file_identifier=b"TFL3")
    return bytes(b.Output())


def run(model, windows, keep=False):
    i = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, experimental_preserve_all_tensors=keep)
    i.allocate_tensors()
    outputs, tensors = [], []
    for w in windows:
        i.set_tensor(i.get_input_details()[0]["index"], w)
        i.invoke()
        outputs.append(i.get_tensor(i.get_output_details()[0]["index"]).copy())
        if keep:
            tensors.append({d["index"]: i.get_tensor(d["index"]).copy() for d in i.get_tensor_details() if d["name"].startswith(("t", "input"))})
    return outputs, tensors


def save(name, model, windows, outputs):
    open(f"{name}.tflite", "wb").write(model)
    flat = lambda arrays: [[float(v) for v in a.ravel()] for a in arrays]
    text = dict(model=f"{name}.tflite", reference="LiteRT 2.3 interpreter, BUILTIN_REF kernels", dtype="float32", inputs=flat(windows), outputs=flat(outputs))
    json.dump(text, open(f"{name}.golden.json", "w"))


for name, build in [("ops", ops), ("head", head), ("leaky", leaky)]:
    net = build()
    shape = net.tensors[net.input]["shape"]
    windows = [np.round(rng.normal(size=shape), 3).astype(np.float32) for _ in range(8)]
    model = write(net)
    outputs, tensors = run(model, windows, keep=True)
    save(f"{name}_f32", model, windows, outputs)
    ranges = {k: (min(t[k].min() for t in tensors), max(t[k].max() for t in tensors)) for k in tensors[0]}
    quantize(net, ranges)
    model = write(net)
    exact, _ = run(model, windows)
    save(f"{name}_int8", model, windows, exact)
    errors = [np.abs(a - b).max() for a, b in zip(outputs, exact)]
    print(name, "outputs", outputs[0].size, "largest difference f32 - int8", max(errors), "range", min(o.min() for o in exact), max(o.max() for o in exact))
