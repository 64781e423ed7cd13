"""Writes the node conformance cases of the pinned onnx package that use only supported operators.

usage: conformance_cases.py FOLDER OPERATOR...

FOLDER/<case>/model.onnx, input_<i>.pb and output_<i>.pb (TensorProto). Nothing is done if FOLDER is complete.
"""
import os
import sys
import warnings

warnings.filterwarnings("ignore")  # cases overflow and divide by zero on purpose

import numpy
import onnx
from onnx import numpy_helper


def write(folder, case):
    os.makedirs(folder, exist_ok=True)
    for opset in case.model.opset_import:
        # An operator whose newest version is older than 13 is the same in opset 13, the oldest one imported.
        opset.version = max(opset.version, 13)
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for number, tensor in enumerate(tensors):
            with open(os.path.join(folder, f"{kind}_{number}.pb"), "wb") as file:
                if not isinstance(tensor, onnx.TensorProto):
                    tensor = numpy_helper.from_array(numpy.asarray(tensor))
                file.write(tensor.SerializeToString())


def main():
    folder, operators = sys.argv[1], set(sys.argv[2:])
    stamp = os.path.join(folder, "complete-" + onnx.__version__)
    if os.path.exists(stamp):
        return
    from onnx.backend.test.case.node import collect_testcases

    count = 0
    for case in collect_testcases(None):
        nodes = case.model.graph.node
        if any(node.op_type not in operators or node.domain for node in nodes) or case.name.endswith("_expanded"):
            continue
        inputs, outputs = case.data_sets[0]
        if all(hasattr(tensor, "dtype") or isinstance(tensor, onnx.TensorProto) for tensor in (*inputs, *outputs)):
            write(os.path.join(folder, case.name), case)
            count += 1
    with open(stamp, "w") as file:
        file.write(f"{count}\n")
    print(f"{count} cases in {folder}")


main()
