"""What a submission in Python sees: its task, its vectors as arrays, and the host's services."""
import ctypes
import math

from . import abi

try:
    import numpy
except ImportError:
    numpy = None


class Failure(Exception):
    """A call of the host failed, or: raise it to fail with a status of your choice."""

    def __init__(self, text="", status=abi.EINVAL):
        super().__init__(text)
        self.status = status


class Done(Exception):
    """Raised in step: stop here, one last evaluation follows."""


def _check(status):
    if status:
        raise Failure(status=status)  # the host knows the reason already


class Param:
    """One parameter: shape, kind ("weight", "bias", ...), is_output, count."""

    def __init__(self, raw):
        self.name = raw.name.decode()
        self.shape = tuple(raw.shape[i] for i in range(raw.ndim))
        self.kind = abi.KINDS.get(raw.kind, str(raw.kind))
        self.is_output = bool(raw.is_output)
        self.count = raw.count


class Task:
    def __init__(self, raw):
        for name in ("rank", "world_size", "num_elements", "step_hint", "batch_size", "seed"):
            setattr(self, name, getattr(raw, name))
        self.dtype = "f64" if raw.dtype == abi.F64 else "f32"
        self.params = [Param(raw.params[i].contents) for i in range(raw.num_params)]


class Vector:
    """A vector over all parameters: vector[i] is the array of parameter i, without a copy (numpy's where numpy is
    installed, else a memoryview), vector.flat(i) the same in one dimension."""

    def __init__(self, host, pointer):
        self._host, self.pointer = host, pointer
        self._views = [None] * len(host.task.params)

    def __len__(self):
        return len(self._views)

    def _view(self, i):
        # Vectors stay where they are in this process, so a view is good for its whole life.
        if self._views[i] is None:
            t = abi.Tensor(struct_size=ctypes.sizeof(abi.Tensor))
            _check(self._host.raw.vec_view(self._host.pointer, self.pointer, i, ctypes.byref(t)))
            kind = ctypes.c_double if t.dtype == abi.F64 else ctypes.c_float
            flat = memoryview((kind * t.count).from_address(t.data)).cast("B").cast("d" if t.dtype == abi.F64 else "f")
            param = self._host.task.params[i]
            shape = param.shape if t.count == param.count else (t.count,)  # a part, where state is sharded
            if numpy:
                flat = numpy.frombuffer(flat, dtype=flat.format)
                shaped = flat.reshape(shape)
            else:
                shaped = flat.cast("B").cast(flat.format, shape) if len(shape) > 1 else flat
            self._views[i] = (flat, shaped)
        return self._views[i]

    def flat(self, i):
        return self._view(i)[0]

    def __getitem__(self, i):
        return self._view(range(len(self))[i])[1]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def flats(self):
        """The parameters' arrays, each in one dimension."""
        return [self.flat(i) for i in range(len(self))]


class Host:
    """Services of the host (docs/abi.md), legal inside create, step, before_eval and after_eval."""

    def __init__(self, pointer, task):
        self.pointer, self.raw, self.task = pointer, pointer.contents, task
        self._kept = []

    def vector(self, name):
        """A new vector of zeros, kept in checkpoints under `name`.  Only in create."""
        out = ctypes.c_void_p()
        _check(self.raw.vec_create(self.pointer, name.encode(), 0, ctypes.byref(out)))
        return Vector(self, out.value)

    def number(self, name, value=0.0):
        """A number kept in checkpoints, shown and recorded under `name`: read and write .value.  Only in create."""
        box = ctypes.c_double(value)
        self._kept.append(box)
        _check(self.raw.keep_number(self.pointer, name.encode(), ctypes.byref(box)))
        return box

    def keep(self, name, size):
        """A bytearray-like view of `size` bytes kept in checkpoints.  Only in create."""
        store = (ctypes.c_uint8 * size)()
        self._kept.append(store)
        _check(self.raw.keep(self.pointer, name.encode(), ctypes.addressof(store), size))
        return memoryview(store).cast("B")

    def copy(self, to, source):
        _check(self.raw.vec_copy(self.pointer, to.pointer, source.pointer))

    def run(self, text, vectors, constants=(), per_param=(), sums=0, per_param_sums=0):
        """One fused pass ("v0 = v0 - c0*v1", docs/abi.md).  Returns the sums s0.., and the lists q0.. if any."""
        n = len(self.task.params)
        number_list = ctypes.POINTER(ctypes.c_double)

        def rows(lists):
            return (number_list * (len(lists) + 1))(*[ctypes.cast(x, number_list) for x in lists])

        inputs = [(ctypes.c_double * n)(*x) for x in per_param]
        outputs = [(ctypes.c_double * n)() for _ in range(per_param_sums)]
        total = (ctypes.c_double * (sums + 1))()
        program = abi.Program(
            struct_size=ctypes.sizeof(abi.Program), text=text.encode(), num_vectors=len(vectors),
            vectors=(ctypes.c_void_p * (len(vectors) + 1))(*[v.pointer for v in vectors]),
            num_constants=len(constants), constants=(ctypes.c_double * (len(constants) + 1))(*constants),
            num_per_param=len(inputs), per_param=rows(inputs), num_sums=sums, sums=total,
            num_per_param_sums=per_param_sums, per_param_sums=rows(outputs))
        _check(self.raw.vec_program(self.pointer, ctypes.byref(program)))
        found = list(total[:sums])
        return (found, [list(q) for q in outputs]) if per_param_sums else found

    def all_sum(self, values):
        """The sums of the numbers over all ranks."""
        array = (ctypes.c_double * (len(values) + 1))(*values)
        _check(self.raw.all_sum(self.pointer, array, len(values)))
        return list(array[:len(values)])

    def evaluate(self, batch, what, seed, at=None, into=None, dropout=None, label_smoothing=None):
        regularised = dropout is not None or label_smoothing is not None
        e = abi.Eval(struct_size=ctypes.sizeof(abi.Eval), seed=seed, at=at and at.pointer, grad=into and into.pointer,
                     has_regularisation=int(regularised), dropout=math.nan if dropout is None else dropout,
                     label_smoothing=math.nan if label_smoothing is None else label_smoothing)
        _check(self.raw.evaluate(self.pointer, batch, what, ctypes.byref(e)))
        return e.loss


class Step:
    """One step: index (0, 1, ...), seed, last_metric and last_loss of the newest validation (NaN before it)."""

    def __init__(self, raw, host):
        self.index, self.seed, self.batch = raw.index, raw.seed, raw.batch
        self.last_metric, self.last_loss = raw.last_metric, raw.last_loss
        self._host = host

    def gradient(self, at=None, into=None, seed=None, dropout=None, label_smoothing=None, local=False,
                 sampled_labels=False):
        """Gradient at the vector `at` (the parameters) into `into` (self.g); returns the loss."""
        what = abi.LOSS | abi.GRAD | (abi.GRAD_LOCAL if local else 0) | (abi.SAMPLED_LABELS if sampled_labels else 0)
        return self._host.evaluate(self.batch, what, self.seed if seed is None else seed, at, into, dropout,
                                   label_smoothing)

    def loss(self, at=None, seed=None, dropout=None, label_smoothing=None):
        return self._host.evaluate(self.batch, abi.LOSS, self.seed if seed is None else seed, at, None, dropout,
                                   label_smoothing)


class Submission:
    """Base class of submissions.  Hyperparameters are class attributes (podium.Number, ...); an instance has their
    values under the same names, and self.host, self.task, self.x (parameters, yours to write), self.g (gradient).

    May be defined as well: batch_size(self, task) (no host yet), before_eval(self), after_eval(self) and
    destroy(self).  What must survive a kill lies in host.vector, host.number or host.keep."""

    name = None  # the class's
    version = "0"
    authors = url = None

    def create(self):
        """Once, with the initial parameters in self.x."""

    def step(self, s):
        """One update of self.x."""
        raise NotImplementedError("define step(self, s)")
