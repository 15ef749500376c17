import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tlzoo.protocol.dtypes import DTYPES


@pytest.mark.parametrize("number", DTYPES)
def test_types_are_tensorflows(number):
    dtype, theirs = DTYPES[number], tf.dtypes.as_dtype(number)
    assert dtype.number == number
    assert dtype.enum == types_pb2.DataType.Name(number)
    assert dtype.numpy == theirs.as_numpy_dtype
    values = tf.make_tensor_proto(tf.zeros([1], theirs) if dtype.name != "string" else [b"x"], shape=[1])
    assert dtype.field in {field.name for field in values.DESCRIPTOR.fields}


def test_those_without_a_name_in_numpy():
    assert DTYPES[14].numpy == np.dtype(ml_dtypes.bfloat16)
    assert DTYPES[7].numpy == np.dtype(object)


def test_names_wait_for_no_numpy():
    code = "import sys, tlzoo.protocol.signature, tlzoo.protocol.status; print('numpy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
