"""include/podium/submission.h for ctypes: the structures that cross, in their order of fields."""
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint16,
                    c_uint32, c_uint64, c_void_p)

DONE, OK = 1, 0
EINVAL, ENOMEM, ENOTSUP, EDEVICE, EDIVERGED, EIO, EPROTOCOL = -1, -2, -3, -4, -5, -6, -7
F32, F16, BF16, F64, I32 = 1, 2, 3, 4, 5
LOSS, GRAD, GRAD_LOCAL, SAMPLED_LABELS = 1, 2, 4, 8
NUMBER, INTEGER, FLAG, CHOICE, LIST = 1, 2, 3, 4, 5
LINEAR, LOG = 0, 1

# Parameter kinds by name, as in the header.
KINDS = {0: "weight", 1: "bias", 2: "conv_weight", 3: "batch_norm_scale", 4: "batch_norm_bias",
         5: "layer_norm_scale", 6: "layer_norm_bias", 7: "embedding", 8: "attention_q", 9: "attention_k",
         10: "attention_v", 11: "attention_out", 12: "attention_qkv", 13: "attention_kv", 14: "attention_bias",
         100: "router", 101: "adapter"}


class Tensor(Structure):
    _fields_ = [("struct_size", c_uint32), ("dtype", c_int32), ("data", c_void_p), ("shape", POINTER(c_int64)),
                ("ndim", c_int32), ("pad", c_int32), ("offset", c_int64), ("count", c_int64)]


class Param(Structure):
    _fields_ = [("struct_size", c_uint32), ("kind", c_int32), ("name", c_char_p), ("shape", POINTER(c_int64)),
                ("ndim", c_int32), ("is_output", c_int32), ("count", c_int64)]


class Task(Structure):
    _fields_ = [("struct_size", c_uint32), ("rank", c_int32), ("world_size", c_int32), ("dtype", c_int32),
                ("params", POINTER(POINTER(Param))), ("num_params", c_size_t), ("num_elements", c_int64),
                ("step_hint", c_int64), ("batch_size", c_int64), ("seed", c_uint64), ("x", c_void_p),
                ("g", c_void_p)]


class Eval(Structure):
    _fields_ = [("struct_size", c_uint32), ("precision", c_int32), ("seed", c_uint64), ("at", c_void_p),
                ("grad", c_void_p), ("has_regularisation", c_int32), ("pad", c_int32), ("dropout", c_double),
                ("label_smoothing", c_double), ("loss", c_double), ("num_examples", c_double)]


class Program(Structure):
    _fields_ = [("struct_size", c_uint32), ("num_vectors", c_int32), ("text", c_char_p),
                ("vectors", POINTER(c_void_p)), ("constants", POINTER(c_double)), ("num_constants", c_int32),
                ("num_per_param", c_int32), ("per_param", POINTER(POINTER(c_double))), ("sums", POINTER(c_double)),
                ("num_sums", c_int32), ("num_per_param_sums", c_int32),
                ("per_param_sums", POINTER(POINTER(c_double)))]


class Step(Structure):
    _fields_ = [("struct_size", c_uint32), ("pad", c_int32), ("index", c_int64), ("seed", c_uint64),
                ("batch", c_void_p), ("last_metric", c_double), ("last_loss", c_double)]


class Host(Structure):
    pass


_host = POINTER(Host)
Host._fields_ = [
    ("struct_size", c_uint32), ("abi_minor", c_uint32), ("ctx", c_void_p),
    ("vec_create", CFUNCTYPE(c_int32, _host, c_char_p, c_int32, POINTER(c_void_p))),
    ("vec_copy", CFUNCTYPE(c_int32, _host, c_void_p, c_void_p)),
    ("vec_run", c_void_p),
    ("vec_program", CFUNCTYPE(c_int32, _host, POINTER(Program))),
    ("vec_view", CFUNCTYPE(c_int32, _host, c_void_p, c_size_t, POINTER(Tensor))),
    ("keep", CFUNCTYPE(c_int32, _host, c_char_p, c_void_p, c_size_t)),
    ("evaluate", CFUNCTYPE(c_int32, _host, c_void_p, c_uint32, POINTER(Eval))),
    ("all_sum", CFUNCTYPE(c_int32, _host, POINTER(c_double), c_int32)),
    ("fail", CFUNCTYPE(c_int32, _host, c_int32, c_char_p)),
    ("extension", c_void_p), ("base_create", c_void_p), ("base_step", c_void_p),
    ("keep_number", CFUNCTYPE(c_int32, _host, c_char_p, POINTER(c_double))),
    ("base_before_eval", c_void_p), ("base_after_eval", c_void_p), ("base_table", c_void_p),
]


class Hyperparameter(Structure):
    _fields_ = [("struct_size", c_uint32), ("type", c_int32), ("name", c_char_p), ("help", c_char_p),
                ("value", c_double), ("min", c_double), ("max", c_double), ("scale", c_int32),
                ("may_be_none", c_int32), ("choices", POINTER(c_char_p)), ("list", POINTER(c_double)),
                ("list_length", c_size_t), ("base", c_char_p)]


class Value(Structure):
    _fields_ = [("struct_size", c_uint32), ("type", c_int32), ("number", c_double), ("integer", c_int64),
                ("text", c_char_p), ("list", POINTER(c_double)), ("list_length", c_size_t), ("base", c_void_p)]


_values = POINTER(POINTER(Value))
BATCH_SIZE = CFUNCTYPE(c_int64, POINTER(Task), _values)
CREATE = CFUNCTYPE(c_int32, _host, POINTER(Task), _values, POINTER(c_void_p))
STEP = CFUNCTYPE(c_int32, c_void_p, POINTER(Step))
CALL = CFUNCTYPE(c_int32, c_void_p)
DESTROY = CFUNCTYPE(None, c_void_p)


class Submission(Structure):
    _fields_ = [("struct_size", c_uint32), ("abi_major", c_uint16), ("abi_minor", c_uint16), ("name", c_char_p),
                ("version", c_char_p), ("authors", c_char_p), ("url", c_char_p), ("needs", c_uint64),
                ("hyperparameters", POINTER(POINTER(Hyperparameter))), ("batch_size", BATCH_SIZE),
                ("create", CREATE), ("step", STEP), ("before_eval", CALL), ("after_eval", CALL),
                ("destroy", DESTROY)]


# Names in the header, for the test that compares sizes with the compiler's.
STRUCTURES = {"podium_tensor": Tensor, "podium_param": Param, "podium_task": Task, "podium_eval": Eval,
              "podium_program": Program, "podium_step": Step, "podium_host": Host,
              "podium_hyperparameter": Hyperparameter, "podium_value": Value, "podium_submission": Submission}
