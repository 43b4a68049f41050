"""Makes the `cnn`, `image`, `steps` and `leaky` test models: what PyTorch exports for networks over time, as ONNX.

    pip install onnx onnxruntime numpy && python make_onnx.py

Weights are random; golden outputs are ONNX Runtime's. Golden inputs are time-major, `[time][channel]`, as Mote reads
them, whatever the layout in the file.
"""
import json
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(11)


class Net:
    def __init__(self, shape):
        self.shape, self.nodes, self.constants = shape, [], []
        self.last = "input"

    def constant(self, values, kind=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def weights(self, *shape):
        return self.constant(rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1))

    def op(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        inputs = [self.last, *inputs] if not attributes.pop("raw", False) else list(inputs)
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        self.last = name
        return name

    def conv(self, out, inputs, *kernel, **attributes):
        filters = self.weights(out, inputs, *kernel)
        return self.op("Conv", filters, self.constant(rng.normal(size=out) * 0.1), **attributes)

    def norm(self, channels):
        mean, bias = rng.normal(size=(2, channels)) * 0.2
        scale, variance = rng.uniform(0.5, 1.5, size=(2, channels))
        return self.op("BatchNormalization", *[self.constant(v) for v in (scale, bias, mean, variance)], epsilon=1e-5)

    def gemm(self, out, inputs, **attributes):
        shape = (out, inputs) if attributes.get("transB") else (inputs, out)
        return self.op("Gemm", self.weights(*shape), self.constant(rng.normal(size=out) * 0.1), **attributes)

    def model(self, outputs):
        shape = [n if n != 0 else "batch" for n in self.shape]
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "main",
            [info("input", TensorProto.FLOAT, shape)],
            [info(self.last, TensorProto.FLOAT, [shape[0], *outputs])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def cnn():
    """Conv, norm, ReLU; a separable block with a residual; flattened channel-major into a dense layer."""
    n = Net([0, 3, 50])
    n.conv(8, 3, 5, strides=[2], pads=[2, 2])
    n.norm(8)
    block = n.op("Relu")
    n.conv(8, 1, 3, pads=[1, 1], group=8)
    n.op("Clip", n.constant(0.0), n.constant(6.0))
    n.conv(8, 8, 1)
    n.norm(8)
    n.op("Add", block)
    n.op("Relu")
    n.op("MaxPool", kernel_shape=[3], strides=[2], pads=[1, 1])
    n.norm(8)
    n.op("Flatten", axis=1)
    n.gemm(12, 8 * 13, transB=1)
    n.op("Relu")
    n.op("Dropout")
    n.gemm(6, 12, transB=1, alpha=0.5, beta=2.0)
    n.op("Softmax", axis=1)
    return n.model([6]), lambda x: x.T


def image():
    """A window seen as an image, one column per axis of the sensor: filters along time, then over both."""
    n = Net([1, 1, 30, 3])
    n.conv(6, 1, 5, 1, strides=[2, 1])
    n.op("Relu")
    n.conv(8, 6, 3, 2, pads=[1, 1, 1, 0])
    n.op("Relu")
    n.op("AveragePool", kernel_shape=[2, 1], strides=[2, 1])
    n.conv(8, 2, 3, 3, group=4, dilations=[2, 1])
    n.op("GlobalAveragePool")
    n.op("Reshape", n.constant([0, -1], np.int64))
    n.gemm(5, 8, transB=1)
    return n.model([5]), lambda x: x.reshape(30, 3)


def steps():
    """Time-first input, padding and dilation, a dense layer per step, arithmetic with constants."""
    n = Net([1, 40, 4])
    n.op("Sub", n.constant(rng.normal(size=4)))
    n.op("Div", n.constant(rng.uniform(0.5, 2, size=4)))
    n.op("Transpose", perm=[0, 2, 1])
    n.op("Pad", n.constant([0, 0, 4, 0, 0, 0], np.int64))
    n.conv(6, 4, 3, dilations=[2])
    n.op("Transpose", perm=[0, 2, 1])
    n.op("MatMul", n.weights(6, 10))
    n.op("Add", n.constant(rng.normal(size=10) * 0.1))
    n.op("Relu")
    n.op("Mul", n.constant(0.5))
    n.op("Unsqueeze", n.constant([1], np.int64))
    n.op("Squeeze", n.constant([1], np.int64))
    n.op("ReduceMean", axes=[1], keepdims=0)
    n.gemm(4, 10)
    return n.model([4]), lambda x: x


def leaky():
    """Leaky ReLUs, with the slope that is the default and with another."""
    n = Net([1, 3, 40])
    n.conv(8, 3, 5)
    n.op("LeakyRelu")
    n.conv(6, 8, 3)
    n.op("LeakyRelu", alpha=0.3)
    n.op("GlobalAveragePool")
    n.op("Flatten", axis=1)
    n.gemm(4, 6, transB=1)
    return n.model([4]), lambda x: x.T


for name, build in [("cnn", cnn), ("image", image), ("steps", steps), ("leaky", leaky)]:
    model, time_major = build()
    data = model.SerializeToString()
    open(f"{name}.onnx", "wb").write(data)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    shape = [n if isinstance(n, int) else 1 for n in session.get_inputs()[0].shape]
    inputs, outputs = [], []
    for _ in range(8):
        x = np.round(rng.normal(size=shape), 3).astype(np.float32)
        outputs.append([float(v) for v in session.run(None, {"input": x})[0].ravel()])
        inputs.append([float(v) for v in time_major(x[0]).ravel()])
    text = dict(model=f"{name}.onnx", reference=f"ONNX Runtime {onnxruntime.__version__}", dtype="float32", inputs=inputs, outputs=outputs)
    json.dump(text, open(f"{name}.golden.json", "w"))
    print(name, len(data), "bytes, outputs", np.min(outputs), "to", np.max(outputs))
